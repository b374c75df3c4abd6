#include <array>
#include <cstring>
#include <vector>

#include "native/core/philox.h"
#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/ops/data.h"

namespace rst::cpu {
namespace {

// Where one image of the batch comes from: its index and the shift and mirror of its crop.
struct Source {
  int64_t image = 0;
  int64_t dy = 0, dx = 0;
  bool mirrored = false;
};

std::vector<Source> choose_sources(const int32_t* indices, const int32_t* ids, int64_t count, int64_t images,
                                   const AugmentParams& p) {
  std::vector<Source> sources(static_cast<size_t>(count));
  for (int64_t n = 0; n < count; ++n) {
    const int32_t index = indices[n];
    if (index < 0 || index >= images) {
      throw_argument("gather_images expects indices from 0 to " + std::to_string(images - 1) + " but entry " +
                     std::to_string(n) + " of 'indices' is " + std::to_string(index) + ".");
    }
    Source& source = sources[static_cast<size_t>(n)];
    source.image = index;
    const PhiloxBlock words =
        RandomStream{p.seed, Purpose::kAugment, p.epoch, static_cast<uint32_t>(ids[n])}.block(0);
    const auto offsets = static_cast<uint32_t>(2 * p.crop_padding + 1);
    source.dy = static_cast<int64_t>(words[0] % offsets) - p.crop_padding;
    source.dx = static_cast<int64_t>(words[1] % offsets) - p.crop_padding;
    source.mirrored = p.flip && words[2] >> 31;
  }
  return sources;
}

constexpr std::array<float, 256> unit_pixels() {
  std::array<float, 256> table{};
  for (int i = 0; i < 256; ++i) table[static_cast<size_t>(i)] = static_cast<float>(i) / 255.0f;
  return table;
}
constexpr std::array<float, 256> kUnitPixels = unit_pixels();

// One row of one image into its lane of a cleared blocked row; pixels from outside the image stay 0.
void gather_row(const uint8_t* row, int64_t width, const Source& source, float* lane) {
  const int64_t begin = std::max<int64_t>(0, -source.dx), end = std::min(width, width - source.dx);
  for (int64_t x = begin; x < end; ++x) {
    const int64_t to = source.mirrored ? width - 1 - x : x;
    lane[to * kLanes] = kUnitPixels[row[x + source.dx]];
  }
}

void gather_images(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &images = call.inputs[0], &indices = call.inputs[1], &ids = call.inputs[2],
               &y = call.outputs[0];
  const auto& p = call.as<AugmentParams>();
  const auto* rows = cpu.plain_input<const int32_t>(indices);
  const auto* keys = ids.defined() ? cpu.plain_input<const int32_t>(ids) : rows;
  const auto sources = choose_sources(rows, keys, indices.elements(), images.shape[0], p);
  const auto* pixels = cpu.plain_input<const uint8_t>(images);
  const BlockedView out = cpu.blocked_output(y);
  const BlockedShape& s = out.shape;
  cpu.pool().parallel_for(s.blocks() * s.c, [&](int64_t plane) {
    const int64_t b = plane / s.c, ch = plane % s.c;
    for (int64_t row = 0; row < s.h; ++row) {
      float* to = out.at(b, ch, row, 0);
      std::memset(to, 0, static_cast<size_t>(s.w * kLanes) * sizeof(float));
      for (int lane = 0; lane < s.lanes(b); ++lane) {
        const Source& source = sources[static_cast<size_t>(b * kLanes + lane)];
        const int64_t from = row + source.dy;
        if (from < 0 || from >= s.h) continue;
        gather_row(pixels + ((source.image * s.c + ch) * s.h + from) * s.w, s.w, source, to + lane);
      }
    }
  });
}

}  // namespace

void add_data_kernels(KernelTable& table) {
  table.add("gather_images", on_cpu<gather_images>);
}

}  // namespace rst::cpu
