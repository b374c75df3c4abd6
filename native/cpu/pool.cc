#include <cstring>
#include <limits>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/cpu/rows.h"
#include "native/ops/pool.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/pool.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "native/cpu/rows-inl.h"

#ifndef RST_CPU_POOL_ONCE_
#define RST_CPU_POOL_ONCE_
namespace rst::cpu {

// An output pixel and the part of its window, [y0, y1) × [x0, x1), that lies inside the image.
struct Window {
  int64_t pixel;  // offset in the output's plane
  int64_t y0, y1, x0, x1;
};

}  // namespace rst::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

// Calls task(window) for each output pixel.
template <class Task>
HWY_INLINE void for_each_window(const BlockedShape& in, const BlockedShape& out, const PoolParams& p,
                                const Task& task) {
  for (int64_t oy = 0; oy < out.h; ++oy) {
    const int64_t y = oy * p.stride - p.padding;
    for (int64_t ox = 0; ox < out.w; ++ox) {
      const int64_t x = ox * p.stride - p.padding;
      task(Window{out.offset(0, 0, oy, ox), std::max<int64_t>(0, y), std::min(in.h, y + p.kernel),
                  std::max<int64_t>(0, x), std::min(in.w, x + p.kernel)});
    }
  }
}

// The largest value of each lane in a window, and the first pixel that holds it, counted from the plane's
// start with its border. A NaN is larger than all numbers.
HWY_INLINE void window_max(const BlockedShape& s, const float* HWY_RESTRICT plane, const Window& w,
                           float* HWY_RESTRICT best, int32_t* HWY_RESTRICT where) {
  const auto first = static_cast<int32_t>(s.offset(0, 0, w.y0, w.x0) / kLanes);
  for (int lane = 0; lane < kLanes; ++lane) {
    best[lane] = plane[int64_t{first} * kLanes + lane];
    where[lane] = first;
  }
  for (int64_t y = w.y0; y < w.y1; ++y) {
    for (int64_t x = w.x0; x < w.x1; ++x) {
      const int64_t offset = s.offset(0, 0, y, x);
      const auto here = static_cast<int32_t>(offset / kLanes);
      const float* HWY_RESTRICT pixel = plane + offset;
      for (int lane = 0; lane < kLanes; ++lane) {
        const float v = pixel[lane];
        const bool larger = (v > best[lane]) | ((v != v) & (best[lane] == best[lane]));
        best[lane] = larger ? v : best[lane];
        where[lane] = larger ? here : where[lane];
      }
    }
  }
}

// Each works on one plane; x, y, dx and dy point to its start.
void max_pool(const BlockedShape& in, const BlockedShape& out, const PoolParams& p, const float* x,
              float* y) {
  for_each_window(in, out, p, [&](const Window& w) HWY_ATTR {
    int32_t where[kLanes];
    window_max(in, x, w, y + w.pixel, where);
  });
}

void max_pool_grad(const BlockedShape& in, const BlockedShape& out, const PoolParams& p, const float* dy,
                   const float* x, float* dx) {
  for_each_window(in, out, p, [&](const Window& w) HWY_ATTR {
    float best[kLanes];
    int32_t where[kLanes];
    window_max(in, x, w, best, where);
    const float* g = dy + w.pixel;
    for (int lane = 0; lane < kLanes; ++lane) dx[int64_t{where[lane]} * kLanes + lane] += g[lane];
  });
}

void avg_pool(const BlockedShape& in, const BlockedShape& out, const PoolParams& p, const float* x,
              float* y) {
  const auto side = static_cast<float>(p.kernel);
  const float share = 1 / (side * side);
  for_each_window(in, out, p, [&](const Window& w) HWY_ATTR {
    float sums[kLanes] = {};
    for (int64_t iy = w.y0; iy < w.y1; ++iy) {
      const float* HWY_RESTRICT row = x + in.offset(0, 0, iy, 0);
      for (int64_t ix = w.x0; ix < w.x1; ++ix) {
        for (int lane = 0; lane < kLanes; ++lane) sums[lane] += row[ix * kLanes + lane];
      }
    }
    float* HWY_RESTRICT pixel = y + w.pixel;
    for (int lane = 0; lane < kLanes; ++lane) pixel[lane] = sums[lane] * share;
  });
}

void avg_pool_grad(const BlockedShape& in, const BlockedShape& out, const PoolParams& p, const float* dy,
                   float* dx) {
  const auto side = static_cast<float>(p.kernel);
  const float share = 1 / (side * side);
  for_each_window(in, out, p, [&](const Window& w) HWY_ATTR {
    const float* HWY_RESTRICT g = dy + w.pixel;
    for (int64_t iy = w.y0; iy < w.y1; ++iy) {
      float* HWY_RESTRICT row = dx + in.offset(0, 0, iy, 0);
      for (int64_t ix = w.x0; ix < w.x1; ++ix) {
        for (int lane = 0; lane < kLanes; ++lane) row[ix * kLanes + lane] += g[lane] * share;
      }
    }
  });
}

// Calls task(output row, input row, pixels, stride) for each row of each window position that lies inside the
// image, in the order of for_each_window: a planar image has consecutive outputs in the lanes.
template <class Task>
HWY_INLINE void for_each_planar_row(const PlanarShape& in, const PlanarShape& out, const PoolParams& p,
                                    const float* x, float* y, const Task& task) {
  for (int64_t oy = 0; oy < out.h; ++oy) {
    const int64_t top = oy * p.stride - p.padding;
    for (int64_t iy = std::max<int64_t>(0, top); iy < std::min(in.h, top + p.kernel); ++iy) {
      // Taps that meet a column of the image from some output pixel.
      const int64_t first = std::max<int64_t>(0, p.padding - (out.w - 1) * p.stride);
      for (int64_t kx = first; kx < std::min(p.kernel, in.w + p.padding); ++kx) {
        // Output pixels whose tap kx falls on columns 0 … in.w − 1.
        const int64_t left = kx - p.padding;
        const int64_t begin = left < 0 ? (-left + p.stride - 1) / p.stride : 0;
        const int64_t end = left < in.w ? std::min(out.w, (in.w - 1 - left) / p.stride + 1) : 0;
        if (begin >= end) continue;
        task(y + out.offset(0, 0, oy, begin), x + in.offset(0, 0, iy, begin * p.stride + left), end - begin,
             p.stride);
      }
    }
  }
}

void planar_max_pool(const PlanarShape& in, const PlanarShape& out, const PoolParams& p, const float* x,
                     float* y) {
  map_rows(plane_rows(out, 0, 1), y,
           [](int64_t) HWY_ATTR { return -std::numeric_limits<float>::infinity(); });
  for_each_planar_row(
      in, out, p, x, y,
      [](float* HWY_RESTRICT best, const float* HWY_RESTRICT row, int64_t pixels, int64_t stride) HWY_ATTR {
        for (int64_t i = 0; i < pixels; ++i) {
          const float v = row[i * stride];
          const bool larger = (v > best[i]) | ((v != v) & (best[i] == best[i]));
          best[i] = larger ? v : best[i];
        }
      });
}

void planar_avg_pool(const PlanarShape& in, const PlanarShape& out, const PoolParams& p, const float* x,
                     float* y) {
  const auto side = static_cast<float>(p.kernel);
  const float share = 1 / (side * side);
  map_rows(plane_rows(out, 0, 1), y, [](int64_t) HWY_ATTR { return 0.0f; });
  for_each_planar_row(
      in, out, p, x, y,
      [](float* HWY_RESTRICT sums, const float* HWY_RESTRICT row, int64_t pixels, int64_t stride) HWY_ATTR {
        for (int64_t i = 0; i < pixels; ++i) sums[i] += row[i * stride];
      });
  map_rows(plane_rows(out, 0, 1), y, [=](int64_t i) HWY_ATTR { return y[i] * share; });
}

void plane_mean(const Rows& rows, const float* x, double pixels, float* y) {
  double sums[kLanes] = {};
  sum_rows<1>(rows, sums, [=](int64_t i, DoubleVec* total) HWY_ATTR {
    total[0] = hn::Add(total[0], to_double(hn::LoadU(Floats(), x + i)));
  });
  for (int lane = 0; lane < kLanes; ++lane) y[lane] = static_cast<float>(sums[lane] / pixels);
}

void plane_spread(const Rows& rows, const float* HWY_RESTRICT dy, float pixels, float* HWY_RESTRICT dx) {
  float share[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) share[lane] = dy[lane] / pixels;
  for_each_row(rows, [&](int64_t start) HWY_ATTR {
    for (int64_t i = start; i < start + rows.length; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) dx[i + lane] = share[lane];
    }
  });
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(max_pool);
HWY_EXPORT(max_pool_grad);
HWY_EXPORT(avg_pool);
HWY_EXPORT(avg_pool_grad);
HWY_EXPORT(planar_max_pool);
HWY_EXPORT(planar_avg_pool);
HWY_EXPORT(plane_mean);
HWY_EXPORT(plane_spread);

// Calls plane(p) for each plane of all blocks (or images) and channels, where `large` is the larger side of
// the pooling.
template <class Geometry, class Plane>
void for_each_plane(ThreadPool& pool, const Geometry& large, const Plane& plane) {
  pool.parallel_ranges(large.planes(), planes_per_task(large), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) plane(p);
  });
}

// Calls kernel(in.shape, out.shape, p, plane of in, plane of out) for all planes.
template <class View, class Kernel>
void pool_planes(ThreadPool& pool, const View& in, const View& out, const PoolParams& p,
                 const Kernel& kernel) {
  for_each_plane(pool, in.shape, [&](int64_t plane) {
    kernel(in.shape, out.shape, p, in.data + plane * in.shape.plane(), out.data + plane * out.shape.plane());
  });
}

void max_pool_planes(ThreadPool& pool, const BlockedView& in, const BlockedView& out, const PoolParams& p) {
  pool_planes(pool, in, out, p, HWY_DYNAMIC_DISPATCH(max_pool));
}
void max_pool_planes(ThreadPool& pool, const PlanarView& in, const PlanarView& out, const PoolParams& p) {
  pool_planes(pool, in, out, p, HWY_DYNAMIC_DISPATCH(planar_max_pool));
}
void avg_pool_planes(ThreadPool& pool, const BlockedView& in, const BlockedView& out, const PoolParams& p) {
  pool_planes(pool, in, out, p, HWY_DYNAMIC_DISPATCH(avg_pool));
}
void avg_pool_planes(ThreadPool& pool, const PlanarView& in, const PlanarView& out, const PoolParams& p) {
  pool_planes(pool, in, out, p, HWY_DYNAMIC_DISPATCH(planar_avg_pool));
}

void mean_planes(ThreadPool& pool, const BlockedView& in, const BlockedView& out) {
  const BlockedShape& s = in.shape;
  const auto kernel = HWY_DYNAMIC_DISPATCH(plane_mean);
  for_each_plane(pool, s, [&](int64_t plane) {
    kernel(plane_rows(s, plane, plane + 1), in.data, static_cast<double>(s.h * s.w),
           out.data + plane * kLanes);
  });
}
// Each mean adds up its pixels in order, as a lane of the blocked kernel does.
void mean_planes(ThreadPool& pool, const PlanarView& in, const PlanarView& out) {
  const PlanarShape& s = in.shape;
  for_each_plane(pool, s, [&](int64_t plane) {
    double sum = 0;
    for (int64_t y = 0; y < s.h; ++y) {
      const float* row = in.at(plane / s.c, plane % s.c, y, 0);
      for (int64_t x = 0; x < s.w; ++x) sum += row[x];
    }
    out.data[plane] = static_cast<float>(sum / static_cast<double>(s.h * s.w));
  });
}

void max_pool2d(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const auto& p = call.as<PoolParams>();
  cpu.with_views(x, y, [&](const auto& in, const auto& out) { max_pool_planes(cpu.pool(), in, out, p); });
}

void max_pool2d_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &x = call.inputs[1], &dx = call.outputs[0];
  const auto& p = call.as<PoolParams>();
  const BlockedView out_grad = cpu.blocked_input(dy);
  const BlockedView in = cpu.blocked_input(x);
  const BlockedView in_grad = cpu.blocked_output(dx);
  const auto kernel = HWY_DYNAMIC_DISPATCH(max_pool_grad);
  for_each_plane(cpu.pool(), in.shape, [&](int64_t plane) {
    const int64_t offset = plane * in.shape.plane();
    std::memset(in_grad.data + offset, 0, static_cast<size_t>(in.shape.plane()) * sizeof(float));
    kernel(in.shape, out_grad.shape, p, out_grad.data + plane * out_grad.shape.plane(), in.data + offset,
           in_grad.data + offset);
  });
}

void avg_pool2d(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  const auto& p = call.as<PoolParams>();
  cpu.with_views(x, y, [&](const auto& in, const auto& out) { avg_pool_planes(cpu.pool(), in, out, p); });
}

void avg_pool2d_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &dx = call.outputs[0];
  const auto& p = call.as<PoolParams>();
  const BlockedView out_grad = cpu.blocked_input(dy);
  const BlockedView in_grad = cpu.blocked_output(dx);
  const BlockedShape& s = in_grad.shape;
  const auto kernel = HWY_DYNAMIC_DISPATCH(avg_pool_grad);
  for_each_plane(cpu.pool(), s, [&](int64_t plane) {
    float* to = in_grad.data + plane * s.plane();
    std::memset(to, 0, static_cast<size_t>(s.plane()) * sizeof(float));
    kernel(s, out_grad.shape, p, out_grad.data + plane * out_grad.shape.plane(), to);
  });
}

void global_avg_pool(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &x = call.inputs[0], &y = call.outputs[0];
  cpu.with_views(x, y, [&](const auto& in, const auto& out) { mean_planes(cpu.pool(), in, out); });
}

void global_avg_pool_grad(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &dy = call.inputs[0], &dx = call.outputs[0];
  const BlockedView out_grad = cpu.blocked_input(dy);
  const BlockedView in_grad = cpu.blocked_output(dx);
  const BlockedShape& s = in_grad.shape;
  const auto kernel = HWY_DYNAMIC_DISPATCH(plane_spread);
  for_each_plane(cpu.pool(), s, [&](int64_t plane) {
    kernel(plane_rows(s, plane, plane + 1), out_grad.data + plane * kLanes, static_cast<float>(s.h * s.w),
           in_grad.data);
  });
}

}  // namespace

void add_pool_kernels(KernelTable& table) {
  table.add("max_pool2d", on_cpu<max_pool2d>);
  table.add("max_pool2d_grad", on_cpu<max_pool2d_grad>);
  table.add("avg_pool2d", on_cpu<avg_pool2d>);
  table.add("avg_pool2d_grad", on_cpu<avg_pool2d_grad>);
  table.add("global_avg_pool", on_cpu<global_avg_pool>);
  table.add("global_avg_pool_grad", on_cpu<global_avg_pool_grad>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE
