// The device that the tests run on: rst_tests --device NAME.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/runtime/device.h"
#include "native/test/host_tensor.h"

namespace rst::test {

// How inputs lie in memory when the op starts. Where a backend leaves all alike, the three are one.
enum class InputLayout {
  kUploaded,
  kForward,   // as ops on activations leave them, with numbers where no image is
  kGradient,  // as the gradients of such ops leave them
};

class DeviceUnderTest {
 public:
  virtual ~DeviceUnderTest() = default;

  virtual std::string name() const = 0;
  // Devices that must give the same bits: of the CPU, one with one thread and one with two. Never empty.
  virtual const std::vector<Device*>& devices() const = 0;
  // A device of its own, with nothing in its memory. A limit of 0 bytes is none.
  virtual std::unique_ptr<Device> create(int64_t memory_limit = 0) const = 0;
  // The layouts that such inputs can lie in, each once.
  virtual std::vector<InputLayout> layouts_of(const std::vector<HostTensor>& inputs) const = 0;
  // What the tolerances of comparisons with double precision are multiplied by.
  virtual double tolerance() const { return 1; }
};

// Throws Error(kDevice) where there is no such device or it does not open.
void choose_device(const std::string& name);
const DeviceUnderTest& device_under_test();
inline Device& test_device() {
  return *device_under_test().devices().front();
}

// For tests of what the CPU alone has; and to compare another device with.
Device& cpu_device(int threads);

// What the device's backend tells about itself under that name.
double number_fact(Device& device, std::string_view name);
std::string word_fact(Device& device, std::string_view name);

}  // namespace rst::test
