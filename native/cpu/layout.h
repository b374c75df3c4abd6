// How the CPU backend lays tensors out.
//
// Activations are batch-blocked: [N/16][C][H + 2h][W + 2h][16], sixteen images side by side in the SIMD
// lanes, with a border of h zero pixels stored around every plane so that no inner loop tests an edge.
//
// Sparse convolutions of a few images would leave most of those lanes empty. They, and the ops between them,
// have their activations planar: [N][C][H + 2h][W + 2h], the pixels of one image in the lanes.
//
// Everything else (weights, scores, masks, labels, per-channel and per-sample vectors) is plain row-major.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "native/core/tensor.h"
#include "native/runtime/allocator.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

constexpr int kLanes = 16;
// Up to so many images, what comes in plain is laid out planar, and sparse convolutions ask for it
// (docs/performance.md).
constexpr int64_t kPlanarImages = 8;

// Images and their border. Ranks 2 and 3 are read as [N, C, 1, 1] and [N, C, 1, W].
struct ImageShape {
  int64_t n = 0, c = 0, h = 0, w = 0;
  int64_t halo = 0;

  ImageShape() = default;
  // 1×1 images carry no border; all others carry one pixel.
  explicit ImageShape(const Shape& s)
      : n(s[0]),
        c(s.rank() > 1 ? s[1] : 1),
        h(s.rank() > 3 ? s[2] : 1),
        w(s.rank() > 3   ? s[3]
          : s.rank() > 2 ? s[2]
                         : 1),
        halo(h == 1 && w == 1 ? 0 : 1) {}
};

// Geometry of a blocked tensor.
struct BlockedShape : ImageShape {
  using ImageShape::ImageShape;

  int64_t blocks() const { return (n + kLanes - 1) / kLanes; }
  // Images in block b: 16, or fewer in the last one. The other lanes hold finite values that mean nothing:
  // whoever sums over the batch must leave them out.
  int lanes(int64_t b) const { return static_cast<int>(std::min<int64_t>(kLanes, n - b * kLanes)); }

  int64_t planes() const { return blocks() * c; }

  // Strides in floats.
  int64_t pixel() const { return kLanes; }
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

// Geometry of a planar tensor; without a border, of a plain one.
struct PlanarShape : ImageShape {
  using ImageShape::ImageShape;

  int64_t planes() const { return n * c; }

  // Strides in floats.
  int64_t pixel() const { return 1; }
  int64_t row() const { return w + 2 * halo; }
  int64_t plane() const { return (h + 2 * halo) * row(); }
  int64_t image() const { return c * plane(); }
  // With floats of any value behind the last plane, so that vectors may reach beyond it.
  int64_t size() const { return n * image() + kLanes; }
  // Of pixel (y, x) of channel ch of image i; y and x may be −halo … size − 1 + halo.
  int64_t offset(int64_t i, int64_t ch, int64_t y, int64_t x) const {
    return i * image() + ch * plane() + (y + halo) * row() + (x + halo);
  }
};

struct PlanarView {
  PlanarShape shape;
  float* data = nullptr;

  float* at(int64_t i, int64_t ch, int64_t y, int64_t x) const { return data + shape.offset(i, ch, y, x); }
};

// A weight repacked for a kernel; kept with the weight's storage so that every pass of an attack reuses it.
struct PackedWeight {
  virtual ~PackedWeight() = default;
};

// A weight's elements, plain: `values`, with a mask those whose entry is not 0. An entry covers `group`
// weights.
struct WeightData {
  const float* values = nullptr;
  const uint8_t* mask = nullptr;
  int64_t group = 1;
};

// The first `count` elements of a masked weight (mask.cc).
void write_masked(ThreadPool& pool, const WeightData& weight, int64_t count, float* to);

// What `masked_weight` leaves: its operands. Convolutions compile from these, so that a masked weight costs
// no memory of its own until somebody reads its elements.
struct MaskedElements {
  std::shared_ptr<const Buffer> weight, mask;
  int64_t group = 1;

  WeightData data() const { return {weight->as<const float>(), mask->as<const uint8_t>(), group}; }
};

// Several storages may share a buffer; whoever changes one in place must hold it alone.
class CpuStorage final : public Storage {
 public:
  enum class Layout {
    kEmpty,
    kPlain,
    kBlocked,
    kPlanar,
    kBits,    // one bit an element of the blocked layout, in its order
    kMasked,  // no buffer but `masked`
  };

  // The same elements in another layout or buffer.
  void move_to(Buffer to, Layout as) {
    buffer = std::make_shared<const Buffer>(std::move(to));
    layout = as;
    masked = {};
  }
  // New elements, which the caller writes.
  void replace(Buffer to, Layout as) {
    move_to(std::move(to), as);
    begin_change();
  }
  void replace(MaskedElements elements) {
    buffer.reset();
    layout = Layout::kMasked;
    masked = std::move(elements);
    begin_change();
  }
  void share(const CpuStorage& other) {
    buffer = other.buffer;
    layout = other.layout;
    masked = other.masked;
    begin_change();
  }
  // The elements change from here on.
  void begin_change() {
    changed = true;
    packed_forward.reset();
    packed_backward.reset();
    packed_planar.reset();
  }

  template <class T = void>
  T* as() const {
    return buffer->as<T>();
  }

  Layout layout = Layout::kEmpty;
  std::shared_ptr<const Buffer> buffer;
  MaskedElements masked;
  std::shared_ptr<PackedWeight> packed_forward, packed_backward, packed_planar;
};

inline CpuStorage& cpu_storage(const Tensor& t) {
  return static_cast<CpuStorage&>(*t.storage);
}

inline bool is_blocked(const Tensor& t) {
  return cpu_storage(t).layout == CpuStorage::Layout::kBlocked;
}
inline bool is_planar(const Tensor& t) {
  return cpu_storage(t).layout == CpuStorage::Layout::kPlanar;
}
// Whether work on activations x goes over planar memory, else over blocked: as they lie, and small batches of
// plain ones planar.
inline bool goes_planar(const Tensor& x) {
  return is_planar(x) || (!is_blocked(x) && x.shape[0] <= kPlanarImages);
}

}  // namespace rst::cpu
