// The memory of a tensor as runs of consecutive floats, so that one loop serves tensors of all layouts and
// leaves the border alone.
#pragma once

#include "native/cpu/layout.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

// Floats that one task should at least work on.
constexpr int64_t kTaskFloats = 16384;

// Tensors that are larger than this are written past the caches: they would not stay there anyway.
constexpr int64_t kStreamBytes = int64_t{16} << 20;

// planes × rows runs of `length` floats. Tensors of the same shape and layout share it.
struct Rows {
  int64_t offset = 0;  // of the first run
  int64_t length = 0;
  int64_t rows = 1, row_stride = 0;
  int64_t planes = 1, plane_stride = 0;
};

// The interiors of planes [begin, end), counted through blocks (or images) and channels.
template <class Geometry>
Rows plane_rows(const Geometry& s, int64_t begin, int64_t end) {
  if (s.halo == 0) return {begin * s.plane(), (end - begin) * s.plane()};
  return {begin * s.plane() + s.offset(0, 0, 0, 0), s.w * s.pixel(), s.h, s.row(), end - begin, s.plane()};
}

// Planes that make one task. A function of the shape alone, so that sums over it depend on nothing else.
template <class Geometry>
int64_t planes_per_task(const Geometry& s) {
  return std::max<int64_t>(1, kTaskFloats / std::max<int64_t>(1, s.plane()));
}

// Calls task(rows) over all planes of a blocked or planar tensor.
template <class Geometry, class Task>
void parallel_planes(ThreadPool& pool, const Geometry& s, const Task& task) {
  pool.parallel_ranges(s.planes(), planes_per_task(s),
                       [&](int64_t begin, int64_t end) { task(plane_rows(s, begin, end)); });
}

// Planar memory has a lane for every image only.
inline void clear_padded_lanes(const PlanarView&, int64_t, int64_t) {}

// Sets the lanes of the last block that hold no image to zero in planes [begin, end): a value there that
// nobody looks at could otherwise grow from layer to layer until it overflows.
inline void clear_padded_lanes(const BlockedView& t, int64_t begin, int64_t end) {
  const BlockedShape& s = t.shape;
  for (int64_t p = begin; p < end; ++p) {
    const int lanes = s.lanes(p / s.c);
    if (lanes == kLanes) continue;
    for (int64_t y = 0; y < s.h; ++y) {
      float* row = t.at(p / s.c, p % s.c, y, 0);
      for (int64_t x = 0; x < s.w; ++x) std::fill(row + x * kLanes + lanes, row + (x + 1) * kLanes, 0.0f);
    }
  }
}

}  // namespace rst::cpu
