// The shapes that kernels are tested on: batches below, at and above one and two SIMD blocks, odd sizes,
// single pixels. Small, so that the whole suite runs in seconds with sanitizers too.
#pragma once

#include <vector>

#include "native/core/shape.h"

namespace rst::test {

inline std::vector<Shape> image_shapes() {
  return {{1, 1, 1, 1},  {1, 3, 7, 7},  {3, 5, 1, 1}, {3, 2, 5, 3},
          {16, 3, 4, 4}, {17, 5, 3, 7}, {33, 2, 7, 5}};
}

// [N, classes] or [N, features].
inline std::vector<Shape> row_shapes() {
  return {{1, 1}, {1, 10}, {3, 7}, {16, 10}, {17, 3}, {33, 21}};
}

// Every rank that an elementwise op takes.
inline std::vector<Shape> all_shapes() {
  std::vector<Shape> shapes = image_shapes();
  for (const Shape& s : row_shapes()) shapes.push_back(s);
  shapes.insert(shapes.end(), {{}, {1}, {19}, {17, 3, 5}});
  return shapes;
}

}  // namespace rst::test
