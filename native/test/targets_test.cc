#include <doctest/doctest.h>
#include <hwy/targets.h>

#include "native/test/harness.h"

namespace rst::test {
namespace {

struct Call {
  const char* op;
  std::vector<HostTensor> inputs;
  AttributeList attributes;
};

std::vector<Call> calls() {
  const Shape shape{17, 5, 7, 6};
  const HostTensor x = random_tensor(shape, 1), y = random_tensor(shape, 2), dy = random_tensor(shape, 3);
  const HostTensor mean = random_tensor({5}, 4), positive = random_tensor({5}, 5, 0.5, 2);
  const AttributeList window{{"kernel", {3}}, {"stride", {2}}, {"padding", {1}}};
  return {
      {"batch_norm_train",
       {x, mean, positive, y, positive, mean},
       {{"eps", {1e-5}}, {"momentum", {0.1}}, {"relu", {1}}}},
      {"batch_norm_train_grad",
       {dy, x, y, mean, positive, positive},
       {{"relu", {1}}, {"residual", {1}}, {"affine", {1}}}},
      {"batch_norm_eval", {x, mean, positive, y, positive, mean}, {{"eps", {1e-5}}, {"relu", {1}}}},
      {"batch_norm_eval_grad", {dy, y, positive, {}}, {{"eps", {1e-5}}, {"relu", {1}}, {"residual", {0}}}},
      {"normalize", {x}, {{"mean", mean.values}, {"std", positive.values}}},
      {"mul", {x, y}, {}},
      {"relu_grad", {x, y}, {}},
      {"clip", {x}, {{"low", {-0.5}}, {"high", {0.5}}}},
      {"max_pool2d", {x}, window},
      {"avg_pool2d", {x}, window},
      {"global_avg_pool", {x}, {}},
      {"sum", {x}, {}},
      {"channel_sum", {x}, {}},
      {"sample_norm", {x}, {{"norm", {0}}}},
      {"sample_norm", {x}, {{"norm", {1}}}},
  };
}

// Restores the best instruction set at the end of a test.
struct RestoreTargets {
  ~RestoreTargets() { use(0); }
  static void use(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

TEST_CASE("every instruction set gives the same bits") {
  const RestoreTargets restore;
  const int64_t supported = hwy::SupportedTargets();
  for (const Call& call : calls()) {
    RestoreTargets::use(0);
    const auto expected = run_op(call.op, call.inputs, call.attributes);
    for (int64_t rest = supported; rest; rest &= rest - 1) {
      const int64_t target = rest & -rest;
      CAPTURE(std::string(hwy::TargetName(target)));
      RestoreTargets::use(target);
      const auto actual = run_op(call.op, call.inputs, call.attributes);
      for (size_t i = 0; i < actual.size(); ++i) check_close(call.op, actual[i], expected[i], 0);
    }
  }
}

}  // namespace
}  // namespace rst::test
