#include "native/cpu/conv/sparse/planar_conv.h"

#include <algorithm>

#include "native/cpu/conv/sparse/kept_lists.h"
#include "native/cpu/conv/sparse/planar_kernels.h"

namespace rst::cpu {
namespace {

// Multiplications below which waking other threads costs more than they save.
constexpr int64_t kLeastParallelWork = 1 << 16;
// Output channels of a task: at least what the kernel takes side by side.
constexpr int64_t kLeastChannels = 4;
// Floats that one task copies.
constexpr int64_t kCopyFloats = 1 << 13;

void copy_every(int64_t stride, const float* from, int64_t count, float* to) {
  if (stride == 2) {  // a constant, so that the compiler takes vectors
    for (int64_t i = 0; i < count; ++i) to[i] = from[2 * i];
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * stride];
  }
}

}  // namespace

PlanarConv::Source PlanarConv::source_of(const ConvPlan& plan, const ConvParams& params,
                                         const PlanarShape& in, const PlanarShape& out) {
  const auto taps_y = static_cast<int64_t>(plan.y.taps.size());
  const auto taps_x = static_cast<int64_t>(plan.x.taps.size());
  Source s;
  s.copied = params.stride > 1 || in.halo < params.padding;
  if (s.copied) {
    s.phases_y = std::min(taps_y, params.stride);
    s.phases_x = std::min(taps_x, params.stride);
    s.height = out.h + (taps_y - 1) / params.stride;
    s.row = out.w + (taps_x - 1) / params.stride;
  } else {
    s.height = in.h + 2 * in.halo;
    s.row = in.row();
    s.start = (in.halo - params.padding) * (in.row() + 1);
  }
  return s;
}

std::vector<int64_t> PlanarConv::tap_floats(const ConvPlan& plan, const ConvParams& params,
                                            const Source& source) {
  std::vector<int64_t> floats;
  const int64_t stride = params.stride;
  for (int64_t r : plan.y.taps) {
    for (int64_t s : plan.x.taps) {
      const int64_t phase = r % stride * source.phases_x + s % stride;
      floats.push_back(phase * source.plane() + r / stride * source.row + s / stride);
    }
  }
  return floats;
}

bool PlanarConv::fits(const WeightView& weight, const ConvPlan& plan, const ConvParams& params,
                      const PlanarShape& in, const PlanarShape& out) {
  const Source source = source_of(plan, params, in, out);
  return kept_offsets_fit(weight.in, source.channel(), tap_floats(plan, params, source));
}

PlanarConv::PlanarConv(ThreadPool& pool, const WeightView& weight, const ConvPlan& plan,
                       const ConvParams& params, const PlanarShape& in, const PlanarShape& out,
                       double density)
    : params_(params), source_(source_of(plan, params, in, out)), in_(weight.in), out_(weight.out) {
  const KeptLists lists(pool, weight, plan, density, source_.channel(), tap_floats(plan, params, source_));
  scale_ = lists.constant;
  // One list an output channel: its partial sums stay in registers from block to block.
  offsets_.reserve(lists.offsets.size());
  values_.reserve(lists.offsets.size());
  for (int64_t o = 0; o < out_; ++o) {
    starts_.push_back(static_cast<int64_t>(offsets_.size()));
    for (int64_t b = 0; b < lists.blocks; ++b) {
      const int64_t block = b * lists.block_channels * source_.channel();
      const int64_t* list = lists.starts.data() + lists.list_of(o, b);
      for (int64_t i = list[0]; i < list[2]; ++i) {
        const auto at = static_cast<size_t>(i);
        offsets_.push_back(static_cast<int32_t>(block + lists.offsets[at]));
        values_.push_back(lists.ternary ? (i < list[1] ? 1.0f : -1.0f) : lists.values[at]);
      }
    }
  }
  starts_.push_back(static_cast<int64_t>(offsets_.size()));
}

void PlanarConv::copy_phases(ThreadPool& pool, const PlanarView& in, float* to) const {
  const PlanarShape& is = in.shape;
  const int64_t stride = params_.stride, padding = params_.padding, halo = is.halo;
  const auto copy_plane = [&](const float* plane, float* row) {
    for (int64_t phase = 0; phase < source_.phases_y * source_.phases_x; ++phase) {
      const int64_t top = phase / source_.phases_x - padding, left = phase % source_.phases_x - padding;
      // Columns of the phase that the plane holds, its border included.
      const int64_t x0 = std::min(source_.row, ceil_div(std::max<int64_t>(0, -halo - left), stride));
      const int64_t x1 = std::clamp(ceil_div(is.w + halo - left, stride), x0, source_.row);
      for (int64_t j = 0; j < source_.height; ++j, row += source_.row) {
        const int64_t y = j * stride + top;
        if (y < -halo || y >= is.h + halo) {
          std::fill_n(row, source_.row, 0.0f);
          continue;
        }
        if (x0 > 0) std::fill(row, row + x0, 0.0f);
        copy_every(stride, plane + y * is.row() + left + x0 * stride, x1 - x0, row + x0);
        if (x1 < source_.row) std::fill(row + x1, row + source_.row, 0.0f);
      }
    }
  };
  pool.parallel_ranges(is.planes(),
                       std::max<int64_t>(1, kCopyFloats / std::max<int64_t>(1, source_.channel())),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t p = begin; p < end; ++p)
                           copy_plane(in.at(p / is.c, p % is.c, 0, 0), to + p * source_.channel());
                       });
}

void PlanarConv::run(CachingAllocator& allocator, ThreadPool& pool, const PlanarView& in,
                     const PlanarView& out, const ConvFinish& finish) const {
  const PlanarShape& os = out.shape;
  const float* source = in.data;
  Buffer copy;
  if (source_.copied) {
    copy = Buffer(allocator,
                  (in.shape.planes() * source_.channel() + kLanes) * static_cast<int64_t>(sizeof(float)));
    copy_phases(pool, in, copy.as<float>());
    source = copy.as<float>();
  }

  // Tiles of about the same size: bands of rows, or parts of one row.
  const int64_t most = planar_tile_pixels();
  const int64_t most_rows = std::max<int64_t>(1, (most - os.w) / source_.row + 1);
  const int64_t rows = ceil_div(os.h, ceil_div(os.h, most_rows));
  const int64_t columns = ceil_div(os.w, ceil_div(os.w, most));
  const int64_t bands = ceil_div(os.h, rows), parts = ceil_div(os.w, columns);
  const int64_t tiles = os.n * bands * parts;
  const bool parallel = static_cast<int64_t>(offsets_.size()) * os.n * os.h * os.w >= kLeastParallelWork;
  const int64_t units = parallel ? out_ / kLeastChannels : 1;
  const int64_t group_channels =
      ceil_div(ceil_div(out_, channel_groups(tiles, units, 2 * pool.threads())), kLeastChannels) *
      kLeastChannels;
  const int64_t groups = ceil_div(out_, group_channels);

  const auto tile = [&](int64_t task) {
    const int64_t o = task % groups * group_channels, part = task / groups % parts;
    const int64_t band = task / groups / parts % bands, image = task / groups / parts / bands;
    const int64_t y = band * rows, x = part * columns;
    float* first = out.at(image, o, y, x);
    planar_tile({
        .rows = std::min(rows, os.h - y),
        .columns = std::min(columns, os.w - x),
        .in = source + image * in_ * source_.channel() + source_.start + y * source_.row + x,
        .in_row = source_.row,
        .channels = std::min(group_channels, out_ - o),
        .starts = starts_.data() + o,
        .offsets = offsets_.data(),
        .values = values_.data(),
        .out = first,
        .out_plane = os.plane(),
        .out_row = os.row(),
        .scale = scale_,
        .finish = finish.at(o, first - out.data),
    });
  };
  if (parallel) {
    pool.parallel_for(tiles * groups, tile);
  } else {
    for (int64_t task = 0; task < tiles * groups; ++task) tile(task);
  }
}

}  // namespace rst::cpu
