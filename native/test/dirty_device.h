// A CPU device that shows what a kernel does not write.
#pragma once

#include "native/cpu/cpu_backend.h"
#include "native/runtime/device.h"

namespace rst::test {

// Its fresh memory is full of that byte.
class DirtyDevice {
 public:
  explicit DirtyDevice(uint8_t byte, const cpu::CpuOptions& options = {});

  Device& device() { return device_; }
  CachingAllocator& allocator() { return *allocator_; }

 private:
  CachingAllocator* allocator_;
  Device device_;
};

}  // namespace rst::test
