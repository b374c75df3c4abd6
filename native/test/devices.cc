#include "native/test/devices.h"

#include <algorithm>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/layout.h"
#include "native/runtime/plugs.h"

namespace rst::test {
namespace {

std::unique_ptr<Device> new_cpu_device(int threads, int64_t memory_limit = 0) {
  return std::make_unique<Device>(
      std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{.threads = threads, .memory_limit = memory_limit}));
}

// A gradient is blocked whatever the batch; activations of a few images are planar, others blocked too.
class CpuUnderTest final : public DeviceUnderTest {
 public:
  std::string name() const override { return "cpu"; }
  const std::vector<Device*>& devices() const override {
    static const std::vector<Device*> both{&cpu_device(1), &cpu_device(2)};
    return both;
  }
  std::unique_ptr<Device> create(int64_t memory_limit) const override {
    return new_cpu_device(2, memory_limit);
  }
  std::vector<InputLayout> layouts_of(const std::vector<HostTensor>& inputs) const override {
    const bool few = std::any_of(inputs.begin(), inputs.end(), [](const HostTensor& input) {
      return input.defined() && input.shape.rank() >= 2 && input.shape[0] <= cpu::kPlanarImages;
    });
    if (!few) return {InputLayout::kUploaded, InputLayout::kGradient};
    return {InputLayout::kUploaded, InputLayout::kGradient, InputLayout::kForward};
  }
};

template <class T>
T fact(Device& device, std::string_view name) {
  for (const Fact& each : device.backend().facts()) {
    if (each.name == name) return std::get<T>(each.value);
  }
  throw_argument("There is no fact '" + std::string(name) + "'.");
}

// A backend that is a library of its own; the CPU runs what it lacks.
class PlugUnderTest final : public DeviceUnderTest {
 public:
  explicit PlugUnderTest(std::string name)
      : name_(std::move(name)),
        plug_(open_plug(plug_path(name_))),
        device_(create(0)),
        devices_{device_.get()} {}

  std::string name() const override { return name_; }
  const std::vector<Device*>& devices() const override { return devices_; }
  std::unique_ptr<Device> create(int64_t memory_limit) const override {
    return std::make_unique<Device>(plug_.create({.memory_limit = memory_limit}),
                                    [] { return std::make_unique<cpu::CpuBackend>(cpu::CpuOptions{}); });
  }
  std::vector<InputLayout> layouts_of(const std::vector<HostTensor>&) const override {
    if (name_ == "plain") return {InputLayout::kUploaded};  // there all lies alike
    return {InputLayout::kUploaded, InputLayout::kForward, InputLayout::kGradient};
  }

 private:
  std::string name_;
  const Plug& plug_;
  std::unique_ptr<Device> device_;
  std::vector<Device*> devices_;
};

std::unique_ptr<DeviceUnderTest>& chosen() {
  static std::unique_ptr<DeviceUnderTest> device = std::make_unique<CpuUnderTest>();
  return device;
}

}  // namespace

void choose_device(const std::string& name) {
  if (name == "cpu") {
    chosen() = std::make_unique<CpuUnderTest>();
  } else {
    chosen() = std::make_unique<PlugUnderTest>(name);
  }
}

const DeviceUnderTest& device_under_test() {
  return *chosen();
}

double number_fact(Device& device, std::string_view name) {
  return fact<double>(device, name);
}
std::string word_fact(Device& device, std::string_view name) {
  return fact<std::string>(device, name);
}

Device& cpu_device(int threads) {
  static const std::unique_ptr<Device> single = new_cpu_device(1), pair = new_cpu_device(2);
  return threads == 1 ? *single : *pair;
}

}  // namespace rst::test
