#include "native/test/reference.h"

#include <algorithm>
#include <cmath>

namespace rst::test::reference {
namespace {

// [N, C, H, W] of a tensor of rank 2 to 4, read as the CPU and GPU backends read it.
struct Images {
  int64_t n, c, h = 1, w = 1;

  explicit Images(const Shape& s)
      : n(s[0]),
        c(s[1]),
        h(s.rank() == 4 ? s[2] : 1),
        w(s.rank() == 4   ? s[3]
          : s.rank() == 3 ? s[2]
                          : 1) {}

  size_t index(int64_t in, int64_t ic, int64_t y, int64_t x) const {
    return static_cast<size_t>(((in * c + ic) * h + y) * w + x);
  }
  bool contains(int64_t y, int64_t x) const { return y >= 0 && y < h && x >= 0 && x < w; }
};

// Calls tap(x index, w index, y index) for each product of a convolution.
template <class Tap>
void for_each_tap(const Shape& xs, const Shape& ws, const Shape& ys, const ConvParams& p, const Tap& tap) {
  const Images x(xs), w(ws), y(ys);
  for (int64_t n = 0; n < y.n; ++n)
    for (int64_t k = 0; k < y.c; ++k)
      for (int64_t oy = 0; oy < y.h; ++oy)
        for (int64_t ox = 0; ox < y.w; ++ox)
          for (int64_t c = 0; c < x.c; ++c)
            for (int64_t r = 0; r < w.h; ++r)
              for (int64_t s = 0; s < w.w; ++s) {
                const int64_t iy = oy * p.stride + r - p.padding, ix = ox * p.stride + s - p.padding;
                if (x.contains(iy, ix))
                  tap(x.index(n, c, iy, ix), w.index(k, c, r, s), y.index(n, k, oy, ox));
              }
}

int64_t window_count(int64_t size, int64_t kernel, int64_t stride, int64_t padding) {
  return (size + 2 * padding - kernel) / stride + 1;
}

Shape conv_shape(const Shape& x, const Shape& w, const ConvParams& p) {
  if (x.rank() == 2) return {x[0], w[0]};
  return {x[0], w[0], window_count(x[2], w[2], p.stride, p.padding),
          window_count(x[3], w[3], p.stride, p.padding)};
}

// y = reduce(the pixels of the window that lie inside the image).
HostTensor pool(const HostTensor& x, const PoolParams& p,
                const std::function<double(const std::vector<double>&)>& reduce) {
  const Images in(x.shape);
  HostTensor y = filled({in.n, in.c, window_count(in.h, p.kernel, p.stride, p.padding),
                         window_count(in.w, p.kernel, p.stride, p.padding)},
                        0);
  const Images out(y.shape);
  for (int64_t n = 0; n < out.n; ++n)
    for (int64_t c = 0; c < out.c; ++c)
      for (int64_t oy = 0; oy < out.h; ++oy)
        for (int64_t ox = 0; ox < out.w; ++ox) {
          std::vector<double> window;
          for (int64_t r = 0; r < p.kernel; ++r)
            for (int64_t s = 0; s < p.kernel; ++s) {
              const int64_t iy = oy * p.stride + r - p.padding, ix = ox * p.stride + s - p.padding;
              if (in.contains(iy, ix)) window.push_back(x.values[in.index(n, c, iy, ix)]);
            }
          y.values[out.index(n, c, oy, ox)] = reduce(window);
        }
  return y;
}

// y[key(n, c)] += f(x) over all elements.
HostTensor fold(const HostTensor& x, const Shape& shape, const std::function<int64_t(int64_t, int64_t)>& key,
                const std::function<double(double sum, double x)>& f) {
  HostTensor y = filled(shape, 0);
  const Images s(x.shape);
  const int64_t pixels = s.h * s.w;
  for (size_t i = 0; i < x.values.size(); ++i) {
    const int64_t plane = static_cast<int64_t>(i) / pixels;
    double& sum = y.values[static_cast<size_t>(key(plane / s.c, plane % s.c))];
    sum = f(sum, x.values[i]);
  }
  return y;
}

int64_t by_sample(int64_t n, int64_t) {
  return n;
}
int64_t by_channel(int64_t, int64_t c) {
  return c;
}
double add(double sum, double x) {
  return sum + x;
}
// A NaN is larger than all.
double larger(double a, double b) {
  return std::isnan(a) || a >= b ? a : b;
}

}  // namespace

HostTensor conv2d(const HostTensor& x, const HostTensor& w, const ConvParams& p) {
  HostTensor y = filled(conv_shape(x.shape, w.shape, p), 0);
  for_each_tap(x.shape, w.shape, y.shape, p,
               [&](size_t ix, size_t iw, size_t iy) { y.values[iy] += x.values[ix] * w.values[iw]; });
  return y;
}

HostTensor conv2d_input_grad(const HostTensor& dy, const HostTensor& w, const Shape& x, const ConvParams& p) {
  HostTensor dx = filled(x, 0);
  for_each_tap(x, w.shape, dy.shape, p,
               [&](size_t ix, size_t iw, size_t iy) { dx.values[ix] += dy.values[iy] * w.values[iw]; });
  return dx;
}

HostTensor conv2d_weight_grad(const HostTensor& x, const HostTensor& dy, const Shape& w,
                              const ConvParams& p) {
  HostTensor dw = filled(w, 0);
  for_each_tap(x.shape, w, dy.shape, p,
               [&](size_t ix, size_t iw, size_t iy) { dw.values[iw] += dy.values[iy] * x.values[ix]; });
  return dw;
}

ChannelStatistics channel_statistics(const HostTensor& x) {
  const double count = static_cast<double>(x.shape.elements() / x.shape[1]);
  const auto divide = [&](double sum) { return sum / count; };
  const HostTensor mean = map(channel_sum(x), divide);
  const HostTensor squares = map_channels(x, [&](double v, int64_t c) {
    const double d = v - mean.values[static_cast<size_t>(c)];
    return d * d;
  });
  return {mean, map(channel_sum(squares), divide)};
}

HostTensor batch_norm(const HostTensor& x, const ChannelStatistics& statistics, const HostTensor& residual,
                      const HostTensor& gamma, const HostTensor& beta, double eps, bool relu) {
  HostTensor y = map_channels(x, [&](double v, int64_t channel) {
    const auto c = static_cast<size_t>(channel);
    const double normal = (v - statistics.mean.values[c]) / std::sqrt(statistics.variance.values[c] + eps);
    return normal * (gamma.defined() ? gamma.values[c] : 1) + (beta.defined() ? beta.values[c] : 0);
  });
  if (residual.defined()) y = map(y, residual, [](double a, double b) { return a + b; });
  return relu ? map(y, [](double v) { return std::max(v, 0.0); }) : y;
}

HostTensor positive(const HostTensor& y) {
  return map(y, [](double v) { return v > 0 ? 1.0 : 0.0; });
}

HostTensor max_pool2d(const HostTensor& x, const PoolParams& p) {
  return pool(x, p, [](const auto& window) {
    double largest = window[0];
    for (double v : window) largest = larger(largest, v);
    return largest;
  });
}

HostTensor avg_pool2d(const HostTensor& x, const PoolParams& p) {
  return pool(x, p, [&](const auto& window) {
    double sum = 0;
    for (double v : window) sum += v;
    return sum / static_cast<double>(p.kernel * p.kernel);
  });
}

HostTensor global_avg_pool(const HostTensor& x) {
  HostTensor y = filled({x.shape[0], x.shape[1], 1, 1}, 0);
  const auto pixels = static_cast<size_t>(x.shape[2] * x.shape[3]);
  for (size_t i = 0; i < x.values.size(); ++i)
    y.values[i / pixels] += x.values[i] / static_cast<double>(pixels);
  return y;
}

HostTensor softmax(const HostTensor& logits) {
  HostTensor y = logits;
  const int64_t classes = logits.shape[1];
  for (auto row = y.values.begin(); row != y.values.end(); row += classes) {
    const double largest = *std::max_element(row, row + classes);
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += row[k] = std::exp(row[k] - largest);
    for (int64_t k = 0; k < classes; ++k) row[k] /= sum;
  }
  return y;
}

HostTensor cross_entropy(const HostTensor& logits, const HostTensor& labels, double smoothing) {
  HostTensor losses = filled(labels.shape, 0);
  const int64_t classes = logits.shape[1];
  for (size_t n = 0; n < losses.values.size(); ++n) {
    const double* row = logits.values.data() + static_cast<int64_t>(n) * classes;
    const double largest = *std::max_element(row, row + classes);
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) sum += std::exp(row[k] - largest);
    for (int64_t k = 0; k < classes; ++k) {
      const double target =
          smoothing / static_cast<double>(classes) + (k == labels.values[n] ? 1 - smoothing : 0);
      if (target != 0) losses.values[n] += target * (largest - row[k] + std::log(sum));
    }
  }
  return losses;
}

HostTensor argmax(const HostTensor& logits) {
  HostTensor y = filled({logits.shape[0]}, 0);
  const int64_t classes = logits.shape[1];
  for (size_t n = 0; n < y.values.size(); ++n) {
    const auto row = logits.values.begin() + static_cast<int64_t>(n) * classes;
    y.values[n] = static_cast<double>(std::max_element(row, row + classes) - row);
  }
  return y;
}

HostTensor gather(const HostTensor& x, const HostTensor& indices) {
  HostTensor y = filled({x.shape[0]}, 0);
  for (size_t n = 0; n < y.values.size(); ++n) {
    y.values[n] = x.values[n * static_cast<size_t>(x.shape[1]) + static_cast<size_t>(indices.values[n])];
  }
  return y;
}

HostTensor gather_grad(const HostTensor& dy, const HostTensor& indices, const Shape& x) {
  HostTensor dx = filled(x, 0);
  for (size_t n = 0; n < dy.values.size(); ++n) {
    dx.values[n * static_cast<size_t>(x[1]) + static_cast<size_t>(indices.values[n])] = dy.values[n];
  }
  return dx;
}

HostTensor map(const HostTensor& x, const std::function<double(double)>& f) {
  HostTensor y = x;
  std::transform(x.values.begin(), x.values.end(), y.values.begin(), f);
  return y;
}

HostTensor map(const HostTensor& a, const HostTensor& b, const std::function<double(double, double)>& f) {
  HostTensor y = a;
  std::transform(a.values.begin(), a.values.end(), b.values.begin(), y.values.begin(), f);
  return y;
}

HostTensor map_channels(const HostTensor& x, const std::function<double(double, int64_t)>& f) {
  HostTensor y = x;
  const Images s(x.shape);
  for (size_t i = 0; i < y.values.size(); ++i)
    y.values[i] = f(x.values[i], static_cast<int64_t>(i) / (s.h * s.w) % s.c);
  return y;
}

HostTensor sum(const HostTensor& x) {
  double total = 0;
  for (double v : x.values) total += v;
  return {Shape(), {total}};
}

HostTensor channel_sum(const HostTensor& x) {
  return fold(x, {x.shape[1]}, by_channel, add);
}

HostTensor sample_sum(const HostTensor& x) {
  return fold(x, {x.shape[0]}, by_sample, add);
}

HostTensor sample_norm(const HostTensor& x, Norm norm) {
  if (norm == Norm::kLinf) {
    return fold(x, {x.shape[0]}, by_sample, [](double m, double v) { return larger(m, std::abs(v)); });
  }
  const HostTensor squares = fold(x, {x.shape[0]}, by_sample, [](double s, double v) { return s + v * v; });
  return map(squares, [](double s) { return std::sqrt(s); });
}

HostTensor masked_weight(const HostTensor& weight, const HostTensor& mask) {
  HostTensor y = weight;
  for (size_t i = 0; i < y.values.size(); ++i) {
    if (mask.values[i / (weight.values.size() / mask.values.size())] == 0) y.values[i] = 0;
  }
  return y;
}

HostTensor score_grad(const HostTensor& d_weight, const HostTensor& weight, const HostTensor& scores) {
  HostTensor d_scores = filled(scores.shape, 0);
  for (size_t i = 0; i < weight.values.size(); ++i) {
    const size_t group = i / (weight.values.size() / scores.values.size());
    const double s = scores.values[group];
    d_scores.values[group] += d_weight.values[i] * weight.values[i] * ((s > 0) - (s < 0));
  }
  return d_scores;
}

SgdState sgd_step(const SgdState& state, const HostTensor& gradient, double lr, double momentum,
                  double weight_decay) {
  SgdState next = state;
  for (size_t i = 0; i < gradient.values.size(); ++i) {
    const double g = gradient.values[i] + weight_decay * state.parameter.values[i];
    next.velocity.values[i] = momentum * state.velocity.values[i] + g;
    next.parameter.values[i] -= lr * next.velocity.values[i];
  }
  return next;
}

}  // namespace rst::test::reference
