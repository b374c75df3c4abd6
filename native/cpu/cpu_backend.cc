#include "native/cpu/cpu_backend.h"

#include <hwy/targets.h>
#include <cstring>

namespace rst::cpu {

CpuBackend::CpuBackend(const CpuOptions& options)
    : allocator_(options.memory_limit), pool_(options.threads) {}

std::shared_ptr<Storage> CpuBackend::new_storage() {
  return std::make_shared<CpuStorage>();
}
MemoryStats CpuBackend::memory() const {
  return allocator_.stats();
}

std::string CpuBackend::description() const {
  // The lowest set bit of the supported targets is the best one.
  const auto supported = hwy::SupportedTargets();
  const auto best = supported & -supported;
  return std::string("CPU, ") + hwy::TargetName(static_cast<uint32_t>(best)) + ", " +
         std::to_string(pool_.threads()) + (pool_.threads() == 1 ? " thread" : " threads");
}

bool CpuBackend::is_blocked(const Tensor& t) {
  return cpu_storage(t).layout == CpuStorage::Layout::kBlocked;
}

BlockedView CpuBackend::blocked_output(const Tensor& t) {
  auto& storage = cpu_storage(t);
  const BlockedView view{BlockedShape(t.shape), nullptr};
  storage.buffer = bordered_buffer(view.shape);
  storage.layout = CpuStorage::Layout::kBlocked;
  return {view.shape, storage.buffer.as<float>()};
}

void* CpuBackend::allocate_plain(const Tensor& t) {
  auto& storage = cpu_storage(t);
  storage.buffer = scratch(t.bytes());
  storage.layout = CpuStorage::Layout::kPlain;
  storage.packed_forward.reset();
  storage.packed_backward.reset();
  return storage.buffer.as<void>();
}

BlockedView CpuBackend::blocked_input(const Tensor& t) {
  auto& storage = cpu_storage(t);
  if (storage.layout == CpuStorage::Layout::kPlain) {
    const Buffer plain = std::move(storage.buffer);
    plain_to_blocked(plain.as<float>(), blocked_output(t));
  }
  return {BlockedShape(t.shape), storage.buffer.as<float>()};
}

void* CpuBackend::plain_data(const Tensor& t) {
  auto& storage = cpu_storage(t);
  if (storage.layout == CpuStorage::Layout::kBlocked) {
    const Buffer blocked = std::move(storage.buffer);
    blocked_to_plain({BlockedShape(t.shape), blocked.as<float>()}, plain_output<float>(t));
  }
  return storage.buffer.as<void>();
}

void CpuBackend::upload(const Tensor& y, const void* bytes) {
  void* to = allocate_plain(y);
  // An empty tensor may come without any memory.
  if (y.bytes() > 0) std::memcpy(to, bytes, static_cast<size_t>(y.bytes()));
}

void CpuBackend::download(const Tensor& x, void* bytes) {
  const auto& storage = cpu_storage(x);
  if (storage.layout == CpuStorage::Layout::kBlocked) {
    blocked_to_plain({BlockedShape(x.shape), storage.buffer.as<float>()}, static_cast<float*>(bytes));
  } else if (x.bytes() > 0) {
    std::memcpy(bytes, storage.buffer.as<void>(), static_cast<size_t>(x.bytes()));
  }
}

namespace {

// Names a buffer whose borders are clear for this geometry; 0 where it does not fit into the name.
uint64_t border_content(const BlockedShape& s) {
  const auto planes = static_cast<uint64_t>(s.blocks() * s.c);
  const auto h = static_cast<uint64_t>(s.h), w = static_cast<uint64_t>(s.w),
             halo = static_cast<uint64_t>(s.halo);
  if (planes >> 32 || h >> 14 || w >> 14 || halo >> 4) return 0;
  return planes << 32 | h << 18 | w << 4 | halo;
}

}  // namespace

// Kernels write the inside only, so a reused buffer of the same geometry has its border clear already.
Buffer CpuBackend::bordered_buffer(const BlockedShape& shape) {
  const uint64_t content = border_content(shape);
  Buffer buffer(allocator_, shape.size() * static_cast<int64_t>(sizeof(float)), content);
  if (buffer.content() == 0) {
    clear_halo({shape, buffer.as<float>()});
    buffer.set_content(content);
  }
  return buffer;
}

void CpuBackend::clear_halo(const BlockedView& t) {
  const BlockedShape& s = t.shape;
  if (s.halo == 0) return;
  const auto row_bytes = static_cast<size_t>(s.halo * s.row()) * sizeof(float);
  const auto side_bytes = static_cast<size_t>(s.halo * kLanes) * sizeof(float);
  pool_.parallel_ranges(s.blocks() * s.c, 16, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      float* plane = t.data + p * s.plane();
      std::memset(plane, 0, row_bytes);
      std::memset(plane + (s.h + s.halo) * s.row(), 0, row_bytes);
      for (int64_t y = s.halo; y < s.h + s.halo; ++y) {
        float* row = plane + y * s.row();
        std::memset(row, 0, side_bytes);
        std::memset(row + (s.w + s.halo) * kLanes, 0, side_bytes);
      }
    }
  });
}

void CpuBackend::blocked_to_plain(const BlockedView& from, float* to) {
  const BlockedShape& s = from.shape;
  pool_.parallel_for(s.blocks() * s.c, [&](int64_t p) {
    const int64_t b = p / s.c, ch = p % s.c;
    const int lanes = s.lanes(b);
    for (int64_t y = 0; y < s.h; ++y) {
      const float* row = from.at(b, ch, y, 0);
      for (int lane = 0; lane < lanes; ++lane) {
        float* out = to + (((b * kLanes + lane) * s.c + ch) * s.h + y) * s.w;
        for (int64_t x = 0; x < s.w; ++x) out[x] = row[x * kLanes + lane];
      }
    }
  });
}

void CpuBackend::plain_to_blocked(const float* from, const BlockedView& to) {
  const BlockedShape& s = to.shape;
  pool_.parallel_for(s.blocks() * s.c, [&](int64_t p) {
    const int64_t b = p / s.c, ch = p % s.c;
    const int lanes = s.lanes(b);
    for (int64_t y = 0; y < s.h; ++y) {
      float* row = to.at(b, ch, y, 0);
      if (lanes < kLanes) std::memset(row, 0, static_cast<size_t>(s.w * kLanes) * sizeof(float));
      for (int lane = 0; lane < lanes; ++lane) {
        const float* in = from + (((b * kLanes + lane) * s.c + ch) * s.h + y) * s.w;
        for (int64_t x = 0; x < s.w; ++x) row[x * kLanes + lane] = in[x];
      }
    }
  });
}

BlockedView CpuBackend::with_halo(const BlockedView& x, int64_t halo, Buffer& storage) {
  if (x.shape.halo >= halo) return x;
  BlockedView wide = x;
  wide.shape.halo = halo;
  storage = bordered_buffer(wide.shape);
  wide.data = storage.as<float>();
  const BlockedShape& s = x.shape;
  pool_.parallel_for(s.blocks() * s.c, [&](int64_t p) {
    for (int64_t y = 0; y < s.h; ++y) {
      std::memcpy(wide.at(p / s.c, p % s.c, y, 0), x.at(p / s.c, p % s.c, y, 0),
                  static_cast<size_t>(s.w * kLanes) * sizeof(float));
    }
  });
  return wide;
}

}  // namespace rst::cpu
