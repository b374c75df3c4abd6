// Every instruction set gives the same bits: what one machine found, another reproduces.
#include <doctest/doctest.h>
#include <hwy/targets.h>

#include "native/ops/norm_word.h"
#include "native/test/harness.h"
#include "native/test/suites.h"

namespace rst::test {
namespace {

// Restricts the kernels to one instruction set while it lives. The device must be idle.
class UseTarget {
 public:
  explicit UseTarget(int64_t target) { choose(target); }
  ~UseTarget() { choose(0); }

 private:
  static void choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

void check_all_targets(const char* op, const std::vector<HostTensor>& inputs,
                       const AttributeList& attributes) {
  const auto best = run_op(op, inputs, attributes);
  const auto targets = hwy::SupportedAndGeneratedTargets();
  CHECK(targets.size() > 0);
  for (int64_t target : targets) {
    const UseTarget use(target);
    CAPTURE(std::string(hwy::TargetName(target)));
    const auto results = run_op(op, inputs, attributes);
    for (size_t i = 0; i < best.size(); ++i)
      CHECK_MESSAGE(results[i].values == best[i].values, std::string(op));
  }
}

// Convolutions fuse multiply and add, which targets before AVX2 cannot: those agree within rounding.
void check_conv_targets(const char* op, const std::vector<HostTensor>& inputs,
                        const AttributeList& attributes) {
  const auto best = run_op(op, inputs, attributes);
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    const UseTarget use(target);
    CAPTURE(std::string(hwy::TargetName(target)));
    const auto results = run_op(op, inputs, attributes);
#if HWY_ARCH_X86
    const bool fused = target <= HWY_AVX2;
#else
    const bool fused = target != HWY_SCALAR;
#endif
    if (fused) {
      CHECK_MESSAGE(results[0].values == best[0].values, std::string(op));
    } else {
      check_close(op, results[0], best[0], 1e-5);
    }
  }
}

TEST_SUITE_BEGIN(kCpuOnly);

TEST_CASE("all instruction sets with fused multiply-add give the same bits of a convolution") {
  const Shape x_shape{18, 67, 9, 8}, w_shape{13, 67, 3, 3};
  const HostTensor x = random_tensor(x_shape, 1), dy = random_tensor({18, 13, 5, 4}, 3);
  const HostTensor few = random_tensor({3, 67, 9, 8}, 5), wide = random_tensor({1, 67, 3, 150}, 6);
  const AttributeList geometry{{"stride", {2}}, {"padding", {1}}};
  for (double ratio : {0.1, 1.0}) {
    for (bool constant : {false, true}) {
      HostTensor w = random_tensor(w_shape, 2);
      const HostTensor draw = random_tensor(w_shape, 4, 0, 1);
      for (size_t i = 0; i < w.values.size(); ++i) {
        if (constant) w.values[i] = w.values[i] < 0 ? -0.25 : 0.25;
        if (draw.values[i] >= ratio) w.values[i] = 0;
      }
      check_conv_targets("conv2d", {x, w}, geometry);
      check_conv_targets("conv2d", {few, w}, geometry);
      check_conv_targets("conv2d", {wide, w}, {{"stride", {1}}, {"padding", {1}}});
      AttributeList with_shape = geometry;
      with_shape.push_back({"shape", dims_of(x_shape)});
      check_conv_targets("conv2d_input_grad", {dy, w, {}}, with_shape);
      with_shape.push_back({"eps", {1e-5}});
      with_shape.push_back({"sum", {1}});
      check_conv_targets("conv2d_input_grad_batch_norm",
                         {dy, w, x, random_integers(x_shape, 5, 2), random_tensor({67}, 6, 0.5, 2)},
                         with_shape);
    }
  }
  AttributeList with_shape = geometry;
  with_shape.push_back({"shape", dims_of(w_shape)});
  check_conv_targets("conv2d_weight_grad", {x, dy}, with_shape);
  const Shape many_channels{2, 96, 3, 4};
  check_conv_targets("conv2d_weight_grad", {random_tensor(many_channels, 1), random_tensor(many_channels, 2)},
                     {{"stride", {1}}, {"padding", {1}}, {"shape", {96, 96, 3, 3}}});
}

TEST_CASE("all instruction sets give the same bits") {
  const Shape shape{19, 3, 9, 7};
  const HostTensor x0 = random_tensor(shape, 1, 0, 1), gradient = random_tensor(shape, 2);
  const HostTensor ids = random_integers({19}, 3, 1000), d_weight = random_tensor({40, 11, 3, 3}, 4);
  for (const char* init : {"signed-constant", "normal", "uniform"}) {
    check_all_targets("random_weight", {},
                      {{"shape", {3001}},
                       {"init", init},
                       {"scale", {0.1}},
                       {"seed", {5}},
                       {"purpose", "weight"},
                       {"layer", {2}}});
  }
  check_all_targets("uniform_noise", {ids},
                    {{"shape", dims_of(shape)}, {"low", {-1}}, {"high", {3}}, {"seed", {6}}, {"step", {1}}});
  check_all_targets("normal_noise", {ids},
                    {{"shape", dims_of(shape)}, {"mean", {-1}}, {"std", {3}}, {"seed", {6}}, {"step", {1}}});
  for (const char* norm : kNormWords) {
    check_all_targets(
        "random_start", {x0, ids},
        {{"norm", norm}, {"eps", {0.1}}, {"low", {0}}, {"high", {1}}, {"seed", {7}}, {"step", {1}}});
    check_all_targets("attack_step", {x0, x0, gradient, {}},
                      {{"norm", norm}, {"eps", {0.1}}, {"step_size", {0.3}}, {"low", {0}}, {"high", {1}}});
  }
  check_all_targets("topk_mask", {gradient}, {{"keep", {500}}});
  check_all_targets("topk_mask", {random_integers({70001}, 8, 9)}, {{"keep", {12345}}});
  check_all_targets("masked_weight", {d_weight, random_integers(d_weight.shape, 9, 2)}, {});
  check_all_targets("score_grad", {d_weight, random_tensor(d_weight.shape, 10), random_tensor({40}, 11)}, {});
  check_all_targets("sgd_step", {x0, gradient, random_tensor(shape, 12)},
                    {{"lr", {0.1}}, {"momentum", {0.9}}, {"weight_decay", {0.0005}}});
}

void check_activation_targets(int64_t images) {
  const Shape shape{images, 5, 7, 6};
  const HostTensor x = random_tensor(shape, 1), y = random_tensor(shape, 2), dy = random_tensor(shape, 3);
  const HostTensor positive_y = random_integers(shape, 6, 2);
  const HostTensor mean = random_tensor({5}, 4), positive = random_tensor({5}, 5, 0.5, 2);
  const AttributeList window{{"kernel", {3}}, {"stride", {2}}, {"padding", {1}}};
  check_all_targets("batch_norm_train", {x, mean, positive, y, positive, mean},
                    {{"eps", {1e-5}}, {"momentum", {0.1}}, {"relu", {1}}, {"positive", {1}}});
  check_all_targets("batch_norm_train_grad", {dy, x, positive_y, mean, positive, positive},
                    {{"relu", {1}}, {"residual", {1}}, {"affine", {1}}});
  check_all_targets("batch_norm_eval", {x, mean, positive, y, positive, mean},
                    {{"eps", {1e-5}}, {"relu", {1}}, {"positive", {1}}});
  check_all_targets("batch_norm_eval_grad", {dy, positive_y, positive, {}},
                    {{"eps", {1e-5}}, {"relu", {1}}, {"residual", {0}}});
  check_all_targets("normalize", {x}, {{"mean", mean.values}, {"std", positive.values}});
  check_all_targets("mul", {x, y}, {});
  check_all_targets("relu_grad", {x, y}, {});
  check_all_targets("exp", {x}, {});
  check_all_targets("log", {random_tensor(shape, 7, 0.01, 9)}, {});
  check_all_targets("log_grad", {x, y}, {});
  check_all_targets("clip", {x}, {{"low", {-0.5}}, {"high", {0.5}}});
  check_all_targets("max_pool2d", {x}, window);
  check_all_targets("avg_pool2d", {x}, window);
  check_all_targets("global_avg_pool", {x}, {});
  check_all_targets("sum", {x}, {});
  check_all_targets("channel_sum", {x}, {});
  for (const char* norm : kNormWords) check_all_targets("sample_norm", {x}, {{"norm", norm}});
}

TEST_CASE("a device names the best of the instruction sets that are compiled in") {
  const auto targets = hwy::SupportedAndGeneratedTargets();
  REQUIRE(!targets.empty());
  const std::string name = word_fact(cpu_device(1), "simdTarget");
  CHECK(name == hwy::TargetName(targets.front()));
  CHECK(cpu_device(1).backend().description().find(name) != std::string::npos);
#if HWY_ARCH_X86 && defined(__GNUC__) && !defined(__clang__)
  // GCC's own detection agrees.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  CHECK(((hwy::SupportedTargets() & HWY_AVX2) != 0) == avx2);
  CHECK(((hwy::SupportedTargets() & HWY_AVX3) != 0) == avx512);
#endif
}

TEST_CASE("all instruction sets give the same bits on activations") {
  check_activation_targets(17);
  check_activation_targets(2);
}

}  // namespace
}  // namespace rst::test
