#include "native/cpu/cpu_backend.h"

#include <hwy/targets.h>
#include <cstring>
#include <utility>

#include "native/cpu/conv/conv_choice.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rows.h"

namespace rst::cpu {

CpuBackend::CpuBackend(const CpuOptions& options)
    : allocator_(options.memory_limit), pool_(options.threads), sparse_(options.sparse) {}

const KernelTable& CpuBackend::kernels() const {
  static const KernelTable table = [] {
    KernelTable all;
    for (auto add_family : {add_attack_kernels, add_conv_kernels, add_data_kernels, add_elementwise_kernels,
                            add_loss_kernels, add_mask_kernels, add_norm_kernels, add_optim_kernels,
                            add_pool_kernels, add_random_kernels, add_reduce_kernels, add_topk_kernels}) {
      add_family(all);
    }
    return all;
  }();
  return table;
}

namespace {

// Calls visit(offset in blocked memory, index in plain memory) for each element.
template <class Visit>
void for_each_element(const BlockedShape& s, const Visit& visit) {
  int64_t element = 0;
  for (int64_t n = 0; n < s.n; ++n) {
    for (int64_t c = 0; c < s.c; ++c) {
      for (int64_t y = 0; y < s.h; ++y) {
        for (int64_t x = 0; x < s.w; ++x) visit(s.offset(n / kLanes, c, y, x) + n % kLanes, element++);
      }
    }
  }
}

void bits_to_plain(const BlockedShape& s, const uint8_t* bits, uint8_t* to) {
  for_each_element(s, [&](int64_t offset, int64_t element) {
    to[element] = static_cast<uint8_t>(bits[offset / 8] >> offset % 8 & 1);
  });
}

}  // namespace

std::shared_ptr<Storage> CpuBackend::new_storage() {
  return std::make_shared<CpuStorage>();
}
MemoryStats CpuBackend::memory() const {
  return allocator_.stats();
}
void CpuBackend::release_cached() {
  allocator_.release_cached();
}
void CpuBackend::reset_peak() {
  allocator_.reset_peak();
}

namespace {

std::string simd_target() {
  // The lowest set bit of the supported targets, of those that are compiled in, is the best one.
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(supported & -supported);
}

}  // namespace

std::string CpuBackend::description() const {
  return "CPU, " + simd_target() + ", " + std::to_string(pool_.threads()) +
         (pool_.threads() == 1 ? " thread" : " threads");
}

std::vector<Fact> CpuBackend::facts() const {
  const ConvCostModel model = conv_cost_model(*this);
  return {{"simdTarget", simd_target()},
          {"threads", static_cast<double>(pool_.threads())},
          {"sparseBelowWinograd", model.sparse_below_winograd},
          {"sparseBelowDirect", model.sparse_below_direct},
          {"weightCompileSeconds", static_cast<double>(weight_compile_nanoseconds_) * 1e-9}};
}

ConvKernels CpuBackend::conv_kernels(const Shape& x, const Shape& w, const ConvParams& p,
                                     double density) const {
  return cpu::conv_kernels(*this, x, w, p, density);
}

namespace {

using Layout = CpuStorage::Layout;

// Planar memory, or plain memory as planar without a border.
PlanarView planar_view(Layout layout, const Shape& shape, void* data) {
  PlanarView view{PlanarShape(shape), static_cast<float*>(data)};
  if (layout == Layout::kPlain) view.shape.halo = 0;
  return view;
}

}  // namespace

BlockedView CpuBackend::blocked_output(const Tensor& t) {
  auto& storage = cpu_storage(t);
  const BlockedShape shape(t.shape);
  storage.replace(bordered_buffer(shape), Layout::kBlocked);
  return {shape, storage.as<float>()};
}

PlanarView CpuBackend::planar_output(const Tensor& t) {
  auto& storage = cpu_storage(t);
  storage.replace(bordered_buffer(PlanarShape(t.shape)), Layout::kPlanar);
  return planar_view(Layout::kPlanar, t.shape, storage.as());
}

void* CpuBackend::allocate_plain(const Tensor& t) {
  auto& storage = cpu_storage(t);
  storage.replace(scratch(t.bytes()), Layout::kPlain);
  return storage.as();
}

// A change of layout takes its memory first, so that a tensor for which there is none stays as it was.

BlockedView CpuBackend::blocked_input(const Tensor& t) {
  auto& storage = cpu_storage(t);
  const BlockedShape shape(t.shape);
  if (storage.layout == Layout::kMasked) plain_data(t);
  if (storage.layout != Layout::kBlocked) {
    Buffer to = bordered_buffer(shape);
    convert(planar_view(storage.layout, t.shape, storage.as()), {shape, to.as<float>()});
    storage.move_to(std::move(to), Layout::kBlocked);
  }
  return {shape, storage.as<float>()};
}

PlanarView CpuBackend::planar_input(const Tensor& t) {
  auto& storage = cpu_storage(t);
  if (storage.layout == Layout::kMasked) plain_data(t);
  if (storage.layout != Layout::kPlanar) {
    Buffer to = bordered_buffer(PlanarShape(t.shape));
    convert(storage.layout, *storage.buffer, t.shape, planar_view(Layout::kPlanar, t.shape, to.as()));
    storage.move_to(std::move(to), Layout::kPlanar);
  }
  return planar_view(Layout::kPlanar, t.shape, storage.as());
}

namespace {

// A vector of bits is read as eight bytes.
int64_t bits_bytes(const Shape& shape) {
  return BlockedShape(shape).size() / 8 + 8;
}

}  // namespace

uint8_t* CpuBackend::positive_output(const Tensor& t) {
  if (!t.defined()) return nullptr;
  auto& storage = cpu_storage(t);
  storage.replace(scratch(bits_bytes(t.shape)), Layout::kBits);
  return storage.as<uint8_t>();
}

uint8_t* CpuBackend::positive_input(const Tensor& t) {
  if (!t.defined()) return nullptr;
  auto& storage = cpu_storage(t);
  if (storage.layout == Layout::kPlain) {
    const auto* values = storage.as<const uint8_t>();
    Buffer to = scratch(bits_bytes(t.shape));
    auto* bits = to.as<uint8_t>();
    std::memset(bits, 0, static_cast<size_t>(to.bytes()));
    for_each_element(BlockedShape(t.shape), [&](int64_t offset, int64_t element) {
      if (values[element] != 0) bits[offset / 8] |= static_cast<uint8_t>(1 << offset % 8);
    });
    storage.move_to(std::move(to), Layout::kBits);
  }
  return storage.as<uint8_t>();
}

void CpuBackend::copy_to_plain(const Tensor& t, void* to) {
  const auto& storage = cpu_storage(t);
  switch (storage.layout) {
    case Layout::kEmpty:
      break;
    case Layout::kPlain:
      if (t.bytes() > 0) std::memcpy(to, storage.as(), static_cast<size_t>(t.bytes()));
      break;
    case Layout::kBlocked:
    case Layout::kPlanar:
      convert(storage.layout, *storage.buffer, t.shape, planar_view(Layout::kPlain, t.shape, to));
      break;
    case Layout::kBits:
      bits_to_plain(BlockedShape(t.shape), storage.as<const uint8_t>(), static_cast<uint8_t*>(to));
      break;
    case Layout::kMasked:
      write_masked(pool_, storage.masked.data(), t.elements(), static_cast<float*>(to));
      break;
  }
}

void* CpuBackend::plain_data(const Tensor& t) {
  auto& storage = cpu_storage(t);
  if (storage.layout != Layout::kPlain) {
    Buffer to = scratch(t.bytes());
    copy_to_plain(t, to.as());
    storage.move_to(std::move(to), Layout::kPlain);
  }
  return storage.as();
}

std::shared_ptr<const Buffer> CpuBackend::plain_buffer(const Tensor& t) {
  plain_data(t);
  return cpu_storage(t).buffer;
}

float* CpuBackend::writable_input(const Tensor& t) {
  plain_data(t);
  auto& storage = cpu_storage(t);
  if (storage.buffer.use_count() > 1) {
    Buffer to = scratch(t.bytes());
    copy_to_plain(t, to.as());
    storage.move_to(std::move(to), Layout::kPlain);
  }
  return storage.as<float>();
}

WeightData CpuBackend::weight_input(const Tensor& w) {
  const auto& storage = cpu_storage(w);
  if (storage.layout == Layout::kMasked) return storage.masked.data();
  return {.values = plain_input(w)};
}

void CpuBackend::upload(const Tensor& y, const void* bytes, std::shared_ptr<const void>) {
  void* to = allocate_plain(y);
  // An empty tensor may come without any memory.
  if (y.bytes() > 0) std::memcpy(to, bytes, static_cast<size_t>(y.bytes()));
}

void CpuBackend::download(const Tensor& x, void* bytes, Done done) {
  copy_to_plain(x, bytes);
  done(nullptr);
}

void CpuBackend::finish(Done done) {
  done(nullptr);
}

namespace {

// Names a buffer whose borders are clear for this geometry; 0 where it does not fit into the name.
uint64_t border_content(const ImageShape& s, int64_t planes, bool planar) {
  const auto p = static_cast<uint64_t>(planes);
  const auto h = static_cast<uint64_t>(s.h), w = static_cast<uint64_t>(s.w),
             halo = static_cast<uint64_t>(s.halo);
  if (p >> 32 || h >> 14 || w >> 14 || halo >> 3) return 0;
  return p << 32 | h << 18 | w << 4 | (planar ? 8 : 0) | halo;
}

template <class View>
void clear_halo(ThreadPool& pool, const View& t) {
  const auto& s = t.shape;
  if (s.halo == 0) return;
  const auto row_bytes = static_cast<size_t>(s.halo * s.row()) * sizeof(float);
  const auto side_bytes = static_cast<size_t>(s.halo * s.pixel()) * sizeof(float);
  pool.parallel_ranges(s.planes(), 16, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      float* plane = t.data + p * s.plane();
      std::memset(plane, 0, row_bytes);
      std::memset(plane + (s.h + s.halo) * s.row(), 0, row_bytes);
      for (int64_t y = s.halo; y < s.h + s.halo; ++y) {
        float* row = plane + y * s.row();
        std::memset(row, 0, side_bytes);
        std::memset(row + (s.w + s.halo) * s.pixel(), 0, side_bytes);
      }
    }
  });
}

// Kernels write the inside only, so a reused buffer of the same geometry has its border clear already.
template <class View>
Buffer buffer_with_border(CachingAllocator& allocator, ThreadPool& pool, View view, uint64_t content) {
  Buffer buffer(allocator, view.shape.size() * static_cast<int64_t>(sizeof(float)), content);
  if (buffer.content() == 0) {
    view.data = buffer.as<float>();
    clear_halo(pool, view);
    buffer.set_content(content);
  }
  return buffer;
}

}  // namespace

Buffer CpuBackend::bordered_buffer(const BlockedShape& shape) {
  return buffer_with_border(allocator_, pool_, BlockedView{shape, nullptr},
                            border_content(shape, shape.planes(), false));
}
Buffer CpuBackend::bordered_buffer(const PlanarShape& shape) {
  return buffer_with_border(allocator_, pool_, PlanarView{shape, nullptr},
                            border_content(shape, shape.planes(), true));
}

void CpuBackend::convert(const BlockedView& from, const PlanarView& to) {
  const BlockedShape& s = from.shape;
  pool_.parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t b = p / s.c, ch = p % s.c;
      for (int64_t y = 0; y < s.h; ++y) {
        const float* row = from.at(b, ch, y, 0);
        for (int lane = 0; lane < s.lanes(b); ++lane) {
          float* out = to.at(b * kLanes + lane, ch, y, 0);
          for (int64_t x = 0; x < s.w; ++x) out[x] = row[x * kLanes + lane];
        }
      }
    }
  });
}

void CpuBackend::convert(const PlanarView& from, const BlockedView& to) {
  const BlockedShape& s = to.shape;
  pool_.parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t b = p / s.c, ch = p % s.c;
      const int lanes = s.lanes(b);
      for (int64_t y = 0; y < s.h; ++y) {
        float* row = to.at(b, ch, y, 0);
        if (lanes < kLanes) std::memset(row, 0, static_cast<size_t>(s.w * kLanes) * sizeof(float));
        for (int lane = 0; lane < lanes; ++lane) {
          const float* in = from.at(b * kLanes + lane, ch, y, 0);
          for (int64_t x = 0; x < s.w; ++x) row[x * kLanes + lane] = in[x];
        }
      }
    }
  });
}

void CpuBackend::convert(const PlanarView& from, const PlanarView& to) {
  const PlanarShape& s = from.shape;
  pool_.parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t y = 0; y < s.h; ++y) {
        std::memcpy(to.at(p / s.c, p % s.c, y, 0), from.at(p / s.c, p % s.c, y, 0),
                    static_cast<size_t>(s.w) * sizeof(float));
      }
    }
  });
}

void CpuBackend::convert(Layout layout, const Buffer& from, const Shape& shape, const PlanarView& to) {
  if (layout == Layout::kBlocked) return convert({BlockedShape(shape), from.as<float>()}, to);
  convert(planar_view(layout, shape, from.as<void>()), to);
}

BlockedView CpuBackend::with_halo(const BlockedView& x, int64_t halo, Buffer& storage) {
  if (x.shape.halo >= halo) return x;
  BlockedView wide = x;
  wide.shape.halo = halo;
  storage = bordered_buffer(wide.shape);
  wide.data = storage.as<float>();
  const BlockedShape& s = x.shape;
  pool_.parallel_for(s.planes(), [&](int64_t p) {
    for (int64_t y = 0; y < s.h; ++y) {
      std::memcpy(wide.at(p / s.c, p % s.c, y, 0), x.at(p / s.c, p % s.c, y, 0),
                  static_cast<size_t>(s.w * kLanes) * sizeof(float));
    }
  });
  return wide;
}

}  // namespace rst::cpu
