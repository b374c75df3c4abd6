// What a test asks of the plain backend beyond what backends do.
#pragma once

#include <cstdint>

#include "native/runtime/backend.h"

namespace rst::test {

class PlainControls {
 public:
  virtual ~PlainControls() = default;

  // No download and no `finish` completes from now on, until release.
  virtual void hold() = 0;
  virtual void release() = 0;
  // The kernel that is so many calls away (1: the next one) fails after its call has returned.
  virtual void fail_kernel(int64_t kernels_from_now) = 0;
  // The same, and with it the device is lost for good.
  virtual void lose_at_kernel(int64_t kernels_from_now) = 0;
};

// How a backend starts; read from the environment variable RST_PLAIN when a device is made, as in
// "delay=5,fail=12": what a whole program can ask.
struct PlainFaults {
  int64_t delay = 0;  // milliseconds that each completion waits
  int64_t fail = 0;   // see fail_kernel; 0: none
  int64_t lose = 0;
};

// What the library exports as rst_plain_controls; null for another backend.
using GetPlainControls = PlainControls*(Backend* backend);

}  // namespace rst::test
