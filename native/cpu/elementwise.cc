#include <cstring>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/elementwise.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

void elementwise_rows(ElementMap op, const Rows& rows, const float* HWY_RESTRICT a,
                      const float* HWY_RESTRICT b, float* HWY_RESTRICT y, float p, float q) {
  // Comparisons are written so that a NaN in `a` comes out as itself.
  switch (op) {
    case ElementMap::kAdd:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] + b[i]; });
    case ElementMap::kSub:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] - b[i]; });
    case ElementMap::kMul:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] * b[i]; });
    case ElementMap::kScale:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] * p; });
    case ElementMap::kClip:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] < p ? p : a[i] > q ? q : a[i]; });
    case ElementMap::kRelu:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] <= 0 ? 0 : a[i]; });
    case ElementMap::kReluGrad:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return b[i] > 0 ? a[i] : 0; });
    case ElementMap::kAddNumber:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return a[i] + p; });
    case ElementMap::kNormalize:
      return map_rows(rows, y, [=](int64_t i) HWY_ATTR { return (a[i] - p) / q; });
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(elementwise_rows);

void run_rows(ElementMap op, const Rows& rows, const float* a, const float* b, float* y, float p, float q) {
  HWY_DYNAMIC_DISPATCH(elementwise_rows)(op, rows, a, b, y, p, q);
}

// y = op(x) with a number p, and where given q, of each channel.
template <class View>
void map_channels(ThreadPool& pool, ElementMap op, const View& x, const View& y, const float* p,
                  const float* q) {
  const auto& s = x.shape;
  pool.parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t c = plane % s.c;
      run_rows(op, plane_rows(s, plane, plane + 1), x.data, nullptr, y.data, p ? p[c] : 0, q ? q[c] : 1);
    }
  });
}

}  // namespace

void CpuBackend::map_elements(ElementMap op, const Tensor& a, const Tensor& b, const Tensor& y, float p,
                              float q) {
  const auto either = [&](bool (*lies)(const Tensor&)) {
    return y.shape.rank() >= 2 && (lies(a) || (b.defined() && lies(b)));
  };
  const auto map_planes = [&](const auto& va, const float* vb, const auto& vy) {
    parallel_planes(pool_, vy.shape,
                    [&](const Rows& rows) { run_rows(op, rows, va.data, vb, vy.data, p, q); });
  };
  if (either(is_blocked)) {
    const BlockedView va = blocked_input(a);
    const float* vb = b.defined() ? blocked_input(b).data : nullptr;
    map_planes(va, vb, blocked_output(y));
  } else if (either(is_planar)) {
    const PlanarView va = planar_input(a);
    const float* vb = b.defined() ? planar_input(b).data : nullptr;
    map_planes(va, vb, planar_output(y));
  } else {
    const float* pa = plain_input(a);
    const float* pb = b.defined() ? plain_input(b) : nullptr;
    float* py = plain_output(y);
    pool_.parallel_ranges(y.elements(), kTaskFloats, [&](int64_t begin, int64_t end) {
      run_rows(op, {begin, end - begin}, pa, pb, py, p, q);
    });
  }
}

void CpuBackend::copy(const Tensor& x, const Tensor& y) {
  cpu_storage(y).share(cpu_storage(x));
}
void CpuBackend::add(const Tensor& a, const Tensor& b, const Tensor& y) {
  map_elements(ElementMap::kAdd, a, b, y);
}
void CpuBackend::sub(const Tensor& a, const Tensor& b, const Tensor& y) {
  map_elements(ElementMap::kSub, a, b, y);
}
void CpuBackend::mul(const Tensor& a, const Tensor& b, const Tensor& y) {
  map_elements(ElementMap::kMul, a, b, y);
}
void CpuBackend::scale(const Tensor& x, const Tensor& y, float factor) {
  map_elements(ElementMap::kScale, x, {}, y, factor);
}
void CpuBackend::clip(const Tensor& x, const Tensor& y, float low, float high) {
  map_elements(ElementMap::kClip, x, {}, y, low, high);
}
void CpuBackend::relu(const Tensor& x, const Tensor& y) {
  map_elements(ElementMap::kRelu, x, {}, y);
}
void CpuBackend::relu_grad(const Tensor& dy, const Tensor& y, const Tensor& dx) {
  map_elements(ElementMap::kReluGrad, dy, y, dx);
}

void CpuBackend::normalize(const Tensor& x, const Tensor& y, std::span<const float> mean,
                           std::span<const float> std) {
  with_views(x, y, [&](const auto& in, const auto& out) {
    map_channels(pool_, ElementMap::kNormalize, in, out, mean.data(), std.data());
  });
}

void CpuBackend::bias_add(const Tensor& x, const Tensor& bias, const Tensor& y) {
  const float* numbers = plain_input(bias);
  with_views(x, y, [&](const auto& in, const auto& out) {
    map_channels(pool_, ElementMap::kAddNumber, in, out, numbers, nullptr);
  });
}

void CpuBackend::fill(const Tensor& y, float value) {
  float* out = plain_output(y);
  pool_.parallel_ranges(y.elements(), kTaskFloats,
                        [&](int64_t begin, int64_t end) { std::fill(out + begin, out + end, value); });
}

void CpuBackend::reshape(const Tensor& x, const Tensor& y) {
  const bool same_samples = y.shape.rank() >= 2 && x.shape.rank() >= 2 && x.shape[0] == y.shape[0];
  if (!same_samples || !(is_blocked(x) || is_planar(x))) {
    const float* in = plain_input(x);
    std::memcpy(plain_output(y), in, static_cast<size_t>(x.bytes()));
    return;
  }
  // The samples keep their lanes or images, so whole pixels move.
  with_views(x, y, [&](const auto& in, const auto& out) {
    const auto& s = in.shape;
    const auto& t = out.shape;
    pool_.parallel_ranges(s.planes(), planes_per_task(s), [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        const int64_t b = plane / s.c, c = plane % s.c;
        for (int64_t i = 0; i < s.h * s.w; ++i) {
          const int64_t j = c * s.h * s.w + i;  // among the pixels of a sample
          std::copy_n(in.at(b, c, i / s.w, i % s.w), s.pixel(),
                      out.at(b, j / (t.h * t.w), j / t.w % t.h, j % t.w));
        }
      }
    });
  });
}

}  // namespace rst::cpu
#endif  // HWY_ONCE
