// How the CPU backend lays tensors out.
//
// Activations are batch-blocked: [N/16][C][H + 2h][W + 2h][16], sixteen images side by side in the SIMD
// lanes, with a border of h zero pixels stored around every plane so that no inner loop tests an edge.
// Everything else (weights, scores, masks, labels, per-channel and per-sample vectors) is plain row-major.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "native/core/allocator.h"
#include "native/core/tensor.h"

namespace rst::cpu {

constexpr int kLanes = 16;

// Geometry of a blocked tensor. Ranks 2 and 3 are read as [N, C, 1, 1] and [N, C, 1, W].
struct BlockedShape {
  int64_t n = 0, c = 0, h = 0, w = 0;
  int64_t halo = 0;

  BlockedShape() = default;
  // 1×1 images carry no border; all others carry one pixel.
  explicit BlockedShape(const Shape& s)
      : n(s[0]),
        c(s.rank() > 1 ? s[1] : 1),
        h(s.rank() > 3 ? s[2] : 1),
        w(s.rank() > 3   ? s[3]
          : s.rank() > 2 ? s[2]
                         : 1),
        halo(h == 1 && w == 1 ? 0 : 1) {}

  int64_t blocks() const { return (n + kLanes - 1) / kLanes; }
  // Images in block b: 16, or fewer in the last one. The other lanes hold finite values that mean nothing:
  // whoever sums over the batch must leave them out.
  int lanes(int64_t b) const { return static_cast<int>(std::min<int64_t>(kLanes, n - b * kLanes)); }

  // Strides in floats.
  int64_t row() const { return (w + 2 * halo) * kLanes; }
  int64_t plane() const { return (h + 2 * halo) * row(); }
  int64_t block() const { return c * plane(); }
  int64_t size() const { return blocks() * block(); }
  // Of pixel (y, x) of channel ch in block b; y and x may be −halo … size − 1 + halo.
  int64_t offset(int64_t b, int64_t ch, int64_t y, int64_t x) const {
    return b * block() + ch * plane() + (y + halo) * row() + (x + halo) * kLanes;
  }
};

// A blocked tensor's memory as the kernels see it.
struct BlockedView {
  BlockedShape shape;
  float* data = nullptr;

  float* at(int64_t b, int64_t ch, int64_t y, int64_t x) const { return data + shape.offset(b, ch, y, x); }
};

// A weight repacked for a kernel; kept with the weight's storage so that every pass of an attack reuses it.
struct PackedWeight {
  virtual ~PackedWeight() = default;
};

class CpuStorage final : public Storage {
 public:
  enum class Layout {
    kEmpty,
    kPlain,
    kBlocked,
    kBits,  // one bit an element of the blocked layout, in its order
  };

  Layout layout = Layout::kEmpty;
  Buffer buffer;
  std::shared_ptr<PackedWeight> packed_forward, packed_backward;
};

inline CpuStorage& cpu_storage(const Tensor& t) {
  return static_cast<CpuStorage&>(*t.storage);
}

}  // namespace rst::cpu
