#include "native/test/op_examples.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "native/test/reference.h"

namespace rst::test {
namespace {

constexpr double kEps = 1e-5;

Shape shape_of(const std::string& letters, const Sizes& sizes) {
  std::vector<int64_t> dims;
  for (char letter : letters) dims.push_back(sizes.at(letter));
  return Shape(dims);
}

// Inputs of those dimensions: any number, numbers in [0.5, 2), and 0 … count − 1.
HostTensor real(const std::string& letters, const Sizes& s, uint32_t seed = 1) {
  return random_tensor(shape_of(letters, s), seed);
}
HostTensor large(const std::string& letters, const Sizes& s, uint32_t seed = 2) {
  return random_tensor(shape_of(letters, s), seed, 0.5, 2);
}
HostTensor whole(const std::string& letters, const Sizes& s, int64_t count, uint32_t seed = 3) {
  return random_integers(shape_of(letters, s), seed, count);
}
// Three in four are 0; the others are ±0.5.
HostTensor sparse(const std::string& letters, const Sizes& s) {
  HostTensor w = real(letters, s, 4);
  for (double& v : w.values) v = std::abs(v) < 0.75 ? 0 : std::copysign(0.5, v);
  return w;
}

std::vector<double> dims(const std::string& letters, const Sizes& s) {
  return dims_of(shape_of(letters, s));
}
std::vector<double> repeated(double value, int64_t count) {
  return std::vector<double>(static_cast<size_t>(count), value);
}

double attribute(const OpArguments& a, const std::string& name) {
  for (const auto& [key, value] : a.attributes) {
    if (key == name) return value.numbers.at(0);
  }
  return 0;
}
Shape shape_attribute(const OpArguments& a) {
  for (const auto& [key, value] : a.attributes) {
    if (key != "shape") continue;
    return Shape(std::vector<int64_t>(value.numbers.begin(), value.numbers.end()));
  }
  return {};
}
ConvParams conv_params(const OpArguments& a) {
  return {static_cast<int64_t>(attribute(a, "stride")), static_cast<int64_t>(attribute(a, "padding"))};
}

// y[i] = f(x[i], channel).
HostTensor by_channel(HostTensor x, const std::function<double(double, size_t)>& f) {
  for (size_t i = 0; i < x.values.size(); ++i) {
    const size_t pixels = x.shape.rank() == 4 ? static_cast<size_t>(x.shape[2] * x.shape[3]) : 1;
    x.values[i] = f(x.values[i], i / pixels % static_cast<size_t>(x.shape[1]));
  }
  return x;
}
HostTensor plus(HostTensor x, const HostTensor& addend) {
  for (size_t i = 0; i < x.values.size() && addend.defined(); ++i) x.values[i] += addend.values[i];
  return x;
}

// --- convolutions: x [N, C, H, W] or [N, C], w [K, C, R, S] or [K, C], y [N, K, P, Q] or [N, K] ---

struct ConvExample {
  Sizes sizes;
  int64_t stride = 1, padding = 1;
  bool sparse = false;

  bool images() const { return sizes.count('H') > 0; }
  std::string x() const { return images() ? "NCHW" : "NC"; }
  std::string w() const { return images() ? "KCRS" : "KC"; }
  std::string y() const { return images() ? "NKPQ" : "NK"; }
  Sizes with_output(Sizes s) const {
    if (!images()) return s;
    const auto size = [&](char in, char kernel) {
      return std::max<int64_t>(0, (s.at(in) + 2 * padding - s.at(kernel)) / stride + 1);
    };
    s['P'] = size('H', 'R');
    s['Q'] = size('W', 'S');
    return s;
  }
  HostTensor weight(const Sizes& s) const { return sparse ? test::sparse(w(), s) : real(w(), s, 5); }
  AttributeList geometry() const {
    return {{"stride", {static_cast<double>(stride)}}, {"padding", {static_cast<double>(padding)}}};
  }
};

void add_convolutions(const ConvExample& c, std::vector<OpExample>& all) {
  all.push_back({"conv2d", c.sizes,
                 [c](const Sizes& s) -> OpArguments {
                   return {{real(c.x(), s), c.weight(s)}, c.geometry()};
                 },
                 [](const OpArguments& a) -> std::vector<HostTensor> {
                   return {reference::conv2d(a.inputs[0], a.inputs[1], conv_params(a))};
                 }});
  all.push_back(
      {"conv2d_batch_norm", c.sizes,
       [c](const Sizes& sizes) -> OpArguments {
         const Sizes s = c.with_output(sizes);
         AttributeList attributes = c.geometry();
         attributes.insert(attributes.end(), {{"eps", {kEps}}, {"relu", {1}}, {"positive", {1}}});
         return {{real(c.x(), s), c.weight(s), real("K", s), large("K", s), real(c.y(), s, 6)}, attributes};
       },
       [](const OpArguments& a) -> std::vector<HostTensor> {
         HostTensor y = reference::conv2d(a.inputs[0], a.inputs[1], conv_params(a));
         y = by_channel(y, [&](double v, size_t k) {
           return (v - a.inputs[2].values[k]) / std::sqrt(a.inputs[3].values[k] + kEps);
         });
         y = plus(y, a.inputs[4]);
         for (double& v : y.values) v = std::max(0.0, v);
         return {y, reference::positive(y)};
       }});
  const auto input_grad = [](const OpArguments& a) {
    return plus(reference::conv2d_input_grad(a.inputs[0], a.inputs[1], shape_attribute(a), conv_params(a)),
                a.inputs[2]);
  };
  all.push_back({"conv2d_input_grad", c.sizes,
                 [c](const Sizes& sizes) -> OpArguments {
                   const Sizes s = c.with_output(sizes);
                   AttributeList attributes = c.geometry();
                   attributes.push_back({"shape", dims(c.x(), s)});
                   return {{real(c.y(), s), c.weight(s), real(c.x(), s, 6)}, attributes};
                 },
                 [=](const OpArguments& a) -> std::vector<HostTensor> { return {input_grad(a)}; }});
  all.push_back(
      {"conv2d_input_grad_batch_norm", c.sizes,
       [c](const Sizes& sizes) -> OpArguments {
         const Sizes s = c.with_output(sizes);
         AttributeList attributes = c.geometry();
         attributes.insert(attributes.end(), {{"shape", dims(c.x(), s)}, {"eps", {kEps}}, {"sum", {1}}});
         return {{real(c.y(), s), c.weight(s), real(c.x(), s, 6), whole(c.x(), s, 2), large("C", s)},
                 attributes};
       },
       [=](const OpArguments& a) -> std::vector<HostTensor> {
         HostTensor sum = input_grad(a);
         for (size_t i = 0; i < sum.values.size(); ++i) sum.values[i] *= a.inputs[3].values[i];
         return {
             by_channel(sum, [&](double g, size_t k) { return g / std::sqrt(a.inputs[4].values[k] + kEps); }),
             sum};
       }});
  all.push_back(
      {"conv2d_weight_grad", c.sizes,
       [c](const Sizes& sizes) -> OpArguments {
         const Sizes s = c.with_output(sizes);
         AttributeList attributes = c.geometry();
         attributes.push_back({"shape", dims(c.w(), s)});
         return {{real(c.x(), s), real(c.y(), s, 6)}, attributes};
       },
       [](const OpArguments& a) -> std::vector<HostTensor> {
         return {reference::conv2d_weight_grad(a.inputs[0], a.inputs[1], shape_attribute(a), conv_params(a))};
       }});
}

void add_convolutions(std::vector<OpExample>& all) {
  for (const bool sparse : {false, true}) {
    // One shape for x, w and y, so that they can be one tensor: few images and many, images and rows.
    for (const int64_t n : {3, 12}) {
      add_convolutions({{{'N', n}, {'K', n}, {'C', n}, {'H', 3}, {'W', 3}, {'R', 3}, {'S', 3}}, 1, 1, sparse},
                       all);
      add_convolutions({{{'N', n}, {'K', n}, {'C', n}}, 1, 0, sparse}, all);
    }
    add_convolutions({{{'N', 17}, {'K', 5}, {'C', 4}, {'H', 6}, {'W', 5}, {'R', 3}, {'S', 2}}, 2, 1, sparse},
                     all);
  }
  // Winograd's kernels.
  add_convolutions({{{'N', 2}, {'K', 18}, {'C', 17}, {'H', 4}, {'W', 5}, {'R', 3}, {'S', 3}}}, all);
  add_convolutions({{{'N', 10}, {'K', 96}, {'C', 96}, {'H', 3}, {'W', 3}, {'R', 3}, {'S', 3}}}, all);
}

// --- batch norm, on images and on rows ---

void add_norms(const std::string& x, std::vector<OpExample>& all) {
  const Sizes sizes = x == "NC" ? Sizes{{'N', 12}, {'C', 5}} : Sizes{{'N', 12}, {'C', 5}, {'H', 3}, {'W', 2}};
  const auto forward = [=](const Sizes& s) -> std::vector<HostTensor> {
    return {real(x, s), real("C", s), large("C", s), real(x, s, 6), large("C", s, 7), real("C", s, 8)};
  };
  all.push_back(
      {"batch_norm_train", sizes,
       [=](const Sizes& s) -> OpArguments {
         return {forward(s), {{"eps", {kEps}}, {"momentum", {0.1}}, {"relu", {1}}, {"positive", {1}}}};
       },
       nullptr});
  all.push_back({"batch_norm_eval", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {forward(s), {{"eps", {kEps}}, {"relu", {1}}, {"positive", {1}}}};
                 },
                 nullptr});
  all.push_back(
      {"batch_norm_train_grad", sizes,
       [=](const Sizes& s) -> OpArguments {
         return {{real(x, s), real(x, s, 6), whole(x, s, 2), real("C", s), large("C", s), large("C", s, 7)},
                 {{"relu", {1}}, {"residual", {1}}, {"affine", {1}}}};
       },
       // The plain twin of no images: sums of nothing.
       [](const OpArguments& a) -> std::vector<HostTensor> {
         if (a.inputs[0].shape.elements() > 0) return {};
         return {a.inputs[0], a.inputs[0], filled(a.inputs[3].shape, 0), filled(a.inputs[3].shape, 0)};
       }});
  all.push_back({"batch_norm_eval_grad", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {{real(x, s), whole(x, s, 2), large("C", s), large("C", s, 7)},
                           {{"eps", {kEps}}, {"relu", {1}}, {"residual", {1}}}};
                 },
                 nullptr});
}

// --- what works on any activations ---

void add_activations(const std::string& x, std::vector<OpExample>& all) {
  Sizes sizes{{'N', 12}, {'C', 5}};
  if (x.size() == 4) sizes.insert({{'H', 3}, {'W', 2}});
  const auto example = [&](const char* op, const std::function<OpArguments(const Sizes&)>& arguments,
                           const std::function<std::vector<HostTensor>(const OpArguments&)>& expected =
                               nullptr) {
    all.push_back({op, sizes, arguments, expected});
  };
  for (const char* op : {"copy", "relu", "exp"})
    example(op, [=](const Sizes& s) -> OpArguments { return {{real(x, s)}, {}}; });
  for (const char* op : {"add", "sub", "mul", "relu_grad", "assign"})
    example(op, [=](const Sizes& s) -> OpArguments { return {{real(x, s), real(x, s, 6)}, {}}; });
  example("log", [=](const Sizes& s) -> OpArguments { return {{large(x, s)}, {}}; });
  example("log_grad", [=](const Sizes& s) -> OpArguments { return {{real(x, s), large(x, s)}, {}}; });
  example("scale", [=](const Sizes& s) -> OpArguments { return {{real(x, s)}, {{"factor", {-2}}}}; });
  example("clip", [=](const Sizes& s) -> OpArguments {
    return {{real(x, s)}, {{"low", {-0.5}}, {"high", {0.5}}}};
  });
  example("reshape", [=](const Sizes& s) -> OpArguments {
    std::vector<double> turned = dims(x, s);
    std::reverse(turned.begin() + 1, turned.end());
    return {{real(x, s)}, {{"shape", turned}}};
  });
  example("normalize", [=](const Sizes& s) -> OpArguments {
    return {{real(x, s)}, {{"mean", repeated(0.5, s.at('C'))}, {"std", repeated(0.25, s.at('C'))}}};
  });
  example("normalize_grad", [=](const Sizes& s) -> OpArguments {
    return {{real(x, s)}, {{"std", repeated(0.25, s.at('C'))}}};
  });
  example("bias_add", [=](const Sizes& s) -> OpArguments { return {{real(x, s), real("C", s, 6)}, {}}; });
  example("sgd_step", [=](const Sizes& s) -> OpArguments {
    return {{real(x, s), real(x, s, 6), real(x, s, 7)},
            {{"lr", {0.1}}, {"momentum", {0.9}}, {"weight_decay", {0.01}}}};
  });
  const auto one = [](HostTensor (*twin)(const HostTensor&)) {
    return [=](const OpArguments& a) -> std::vector<HostTensor> { return {twin(a.inputs[0])}; };
  };
  const auto unary = [=](const Sizes& s) -> OpArguments { return {{real(x, s)}, {}}; };
  example("sum", unary, one(reference::sum));
  example("channel_sum", unary, one(reference::channel_sum));
  example("sample_sum", unary, one(reference::sample_sum));
  for (const Norm norm : {Norm::kLinf, Norm::kL2}) {
    const AttributeList which{{"norm", kNormWords[static_cast<size_t>(norm)]}};
    example(
        "sample_norm",
        [=](const Sizes& s) -> OpArguments {
          return {{real(x, s)}, which};
        },
        [=](const OpArguments& a) -> std::vector<HostTensor> {
          return {reference::sample_norm(a.inputs[0], norm)};
        });
    AttributeList step = which;
    step.insert(step.end(), {{"eps", {0.1}}, {"step_size", {0.05}}, {"low", {0}}, {"high", {1}}});
    example("attack_step", [=](const Sizes& s) -> OpArguments {
      return {{real(x, s), real(x, s), real(x, s, 6), whole("N", s, 2)}, step};
    });
    AttributeList start = which;
    start.insert(start.end(), {{"eps", {0.1}}, {"low", {0}}, {"high", {1}}, {"seed", {7}}, {"step", {2}}});
    example("random_start", [=](const Sizes& s) -> OpArguments {
      return {{real(x, s), whole("N", s, 1000)}, start};
    });
  }
  example("broadcast", [=](const Sizes& s) -> OpArguments {
    return {{filled(Shape(), 3)}, {{"shape", dims(x, s)}, {"factor", {0.5}}}};
  });
  example("fill", [=](const Sizes& s) -> OpArguments {
    return {{}, {{"shape", dims(x, s)}, {"value", {2}}}};
  });
  for (const char* init : {"signed-constant", "normal", "uniform"}) {
    example("random_weight", [=](const Sizes& s) -> OpArguments {
      return {{},
              {{"shape", dims(x, s)},
               {"init", init},
               {"scale", {0.1}},
               {"seed", {5}},
               {"purpose", "weight"},
               {"layer", {2}}}};
    });
  }
  example("uniform_noise", [=](const Sizes& s) -> OpArguments {
    return {{whole("N", s, 1000)},
            {{"shape", dims(x, s)}, {"low", {-1}}, {"high", {1}}, {"seed", {6}}, {"step", {1}}}};
  });
  example("normal_noise", [=](const Sizes& s) -> OpArguments {
    return {{whole("N", s, 1000)},
            {{"shape", dims(x, s)}, {"mean", {0}}, {"std", {1}}, {"seed", {6}}, {"step", {1}}}};
  });
}

// --- losses ---

void add_losses(std::vector<OpExample>& all) {
  const Sizes sizes{{'N', 12}, {'K', 7}};
  const auto labels = [](const Sizes& s) { return whole("N", s, std::max<int64_t>(1, s.at('K'))); };
  all.push_back({"cross_entropy", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {{real("NK", s), labels(s)}, {{"smoothing", {0.1}}}};
                 },
                 nullptr});
  all.push_back({"cross_entropy_grad", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {{real("NK", s), labels(s), real("N", s)}, {{"smoothing", {0.1}}}};
                 },
                 nullptr});
  all.push_back({"gather", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {{real("NK", s), labels(s)}, {}};
                 },
                 nullptr});
  all.push_back({"gather_grad", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {{real("N", s), labels(s)}, {{"shape", dims("NK", s)}}};
                 },
                 nullptr});
  for (const char* op : {"softmax", "argmax", "max"}) {
    all.push_back({op, sizes, [](const Sizes& s) -> OpArguments { return {{real("NK", s)}, {}}; }, nullptr});
  }
  all.push_back({"correct", sizes,
                 [=](const Sizes& s) -> OpArguments {
                   return {{real("NK", s), labels(s)}, {}};
                 },
                 nullptr});
}

// --- masks, over elements and over groups ---

void add_masks(std::vector<OpExample>& all) {
  const Sizes sizes{{'K', 6}, {'C', 5}, {'R', 3}, {'S', 2}};
  for (const char* mask : {"KCRS", "KCR", "KC", "K"}) {
    const std::string letters = mask;
    all.push_back({"topk_mask", sizes,
                   [=](const Sizes& s) -> OpArguments {
                     return {{real(letters, s)}, {{"keep", {3}}}};
                   },
                   nullptr});
    all.push_back({"masked_weight", sizes,
                   [=](const Sizes& s) -> OpArguments {
                     return {{real("KCRS", s), whole(letters, s, 2)}, {}};
                   },
                   nullptr});
    all.push_back({"score_grad", sizes,
                   [=](const Sizes& s) -> OpArguments {
                     return {{real("KCRS", s), real("KCRS", s, 6), real(letters, s, 7)}, {}};
                   },
                   [](const OpArguments& a) -> std::vector<HostTensor> {
                     if (a.inputs[0].shape.elements() > 0) return {};
                     return {filled(a.inputs[2].shape, 0)};
                   }});
    all.push_back({"assign_mask", sizes,
                   [=](const Sizes& s) -> OpArguments {
                     return {{whole(letters, s, 2), whole(letters, s, 2, 5)}, {}};
                   },
                   nullptr});
    all.push_back({"pack_bits", sizes,
                   [=](const Sizes& s) -> OpArguments {
                     return {{whole(letters, s, 2)}, {}};
                   },
                   nullptr});
    all.push_back(
        {"unpack_bits", sizes,
         [=](const Sizes& s) -> OpArguments {
           const Shape shape = shape_of(letters, s);
           return {{random_integers({(shape.elements() + 7) / 8}, 3, 256)}, {{"shape", dims_of(shape)}}};
         },
         nullptr});
  }
}

// --- pooling and images ---

void add_pools(std::vector<OpExample>& all) {
  const Sizes sizes{{'N', 12}, {'C', 5}, {'H', 5}, {'W', 4}};
  for (const double kernel : {3.0, 1.0}) {
    const AttributeList window{{"kernel", {kernel}}, {"stride", {kernel > 1 ? 2.0 : 1.0}}, {"padding", {0}}};
    const auto with_output = [=](Sizes s) {
      const auto size = [&](int64_t pixels) {
        return kernel > 1 ? std::max<int64_t>(0, (pixels - 3) / 2 + 1) : pixels;
      };
      s['P'] = size(s.at('H'));
      s['Q'] = size(s.at('W'));
      return s;
    };
    for (const char* op : {"max_pool2d", "avg_pool2d"}) {
      all.push_back({op, sizes,
                     [=](const Sizes& s) -> OpArguments {
                       return {{real("NCHW", s)}, window};
                     },
                     nullptr});
    }
    all.push_back({"max_pool2d_grad", sizes,
                   [=](const Sizes& sizes) -> OpArguments {
                     const Sizes s = with_output(sizes);
                     return {{real("NCPQ", s), real("NCHW", s, 6)}, window};
                   },
                   nullptr});
    all.push_back({"avg_pool2d_grad", sizes,
                   [=](const Sizes& sizes) -> OpArguments {
                     const Sizes s = with_output(sizes);
                     AttributeList attributes = window;
                     attributes.push_back({"shape", dims("NCHW", s)});
                     return {{real("NCPQ", s)}, attributes};
                   },
                   nullptr});
  }
  all.push_back({"global_avg_pool", sizes,
                 [](const Sizes& s) -> OpArguments {
                   return {{real("NCHW", s)}, {}};
                 },
                 nullptr});
  all.push_back({"global_avg_pool_grad", sizes,
                 [](const Sizes& s) -> OpArguments {
                   return {{random_tensor({s.at('N'), s.at('C'), 1, 1}, 1)}, {{"shape", dims("NCHW", s)}}};
                 },
                 nullptr});
  Sizes stored = sizes;
  stored['M'] = 20;
  for (bool with_ids : {false, true}) {
    all.push_back({"gather_images", stored,
                   [with_ids](const Sizes& s) -> OpArguments {
                     return {{whole("MCHW", s, 256), whole("N", s, std::max<int64_t>(1, s.at('M'))),
                              with_ids ? whole("N", s, 1000) : HostTensor{}},
                             {{"seed", {1}}, {"epoch", {2}}, {"crop_padding", {0}}, {"flip", {1}}}};
                   },
                   nullptr});
  }
}

}  // namespace

const std::vector<OpExample>& op_examples() {
  static const std::vector<OpExample> examples = [] {
    std::vector<OpExample> all;
    add_convolutions(all);
    for (const char* x : {"NCHW", "NC"}) {
      add_norms(x, all);
      add_activations(x, all);
    }
    add_losses(all);
    add_masks(all);
    add_pools(all);
    return all;
  }();
  return examples;
}

Outcome outcome_of(const std::function<std::vector<HostTensor>()>& run) {
  try {
    return {run(), std::nullopt};
  } catch (const Error& error) {
    return {{}, error};
  }
}

void check_same(const std::string& what, const Outcome& a, const Outcome& b) {
  CHECK_MESSAGE(a.error.has_value() == b.error.has_value(), what << ": "
                                                                 << (a.error   ? a.error->what()
                                                                     : b.error ? b.error->what()
                                                                               : ""));
  if (a.error || b.error) return;
  REQUIRE(a.results.size() == b.results.size());
  for (size_t i = 0; i < a.results.size(); ++i)
    CHECK_MESSAGE(same_bits(a.results[i], b.results[i]), what << ": other bits in output " << i);
}

std::string text_of(const OpExample& example, const OpArguments& arguments) {
  std::string text(example.op);
  for (const HostTensor& input : arguments.inputs) text.append(" ").append(input.shape.to_string());
  return text;
}

}  // namespace rst::test
