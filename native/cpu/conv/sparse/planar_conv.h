// Forward sparse convolutions over planar memory: for batches too small to fill the lanes with images.
#pragma once

#include <cstdint>
#include <vector>

#include "native/cpu/conv/conv_plan.h"
#include "native/runtime/allocator.h"

namespace rst::cpu {

// A weight compiled for inputs and outputs of one geometry, whatever their number. The order of additions,
// and so each bit of the result, is that of the blocked kernels.
class PlanarConv {
 public:
  // Whether the offsets of kept weights into inputs of that geometry fit their 32 bits.
  static bool fits(const WeightView& weight, const ConvPlan& plan, const ConvParams& params,
                   const PlanarShape& in, const PlanarShape& out);

  // For what fits.
  PlanarConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan, const ConvParams& params,
             const PlanarShape& in, const PlanarShape& out, double density);

  void run(CachingAllocator& allocator, ThreadPool& pool, const PlanarView& in, const PlanarView& out,
           const ConvFinish& finish) const;

 private:
  // A stride above 1, or a border wider than the input's, takes a copy of it: of each channel the planes that
  // hold every stride-th row and column, which the kernel then passes over in steps of 1.
  struct Source {
    bool copied = false;
    int64_t phases_y = 1, phases_x = 1;  // planes of a channel
    int64_t height = 0, row = 0;         // of a plane
    int64_t start = 0;                   // floats from a plane to the window of its first output pixel

    int64_t plane() const { return height * row; }
    int64_t channel() const { return phases_y * phases_x * plane(); }
  };
  static Source source_of(const ConvPlan& plan, const ConvParams& params, const PlanarShape& in,
                          const PlanarShape& out);
  // Floats from a pixel's window to each tap.
  static std::vector<int64_t> tap_floats(const ConvPlan& plan, const ConvParams& params,
                                         const Source& source);
  void copy_phases(ThreadPool& pool, const PlanarView& in, float* to) const;

  ConvParams params_;
  Source source_;
  int64_t in_, out_;             // channels
  float scale_;                  // c where all kept weights are ±c
  std::vector<int64_t> starts_;  // of the output channels' lists, and the end
  std::vector<int32_t> offsets_;
  std::vector<float> values_;
};

}  // namespace rst::cpu
