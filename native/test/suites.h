// Which tests run in which mode and on which device (rst_tests --help), as doctest's test suites: one name a
// test case, `TEST_CASE("…" * suite(kCpuOnly))`, or TEST_SUITE_BEGIN(kCpuOnly) for the rest of a file. Tests
// in no suite run on every device, in mode test.
#pragma once

#include <doctest/doctest.h>

namespace rst::test {

// Looks inside the CPU backend: its layouts, its instruction sets, its allocator, its kept lists.
inline constexpr const char* kCpuOnly = "the CPU's";
// Uses no device at all: once, with the CPU's, is enough.
inline constexpr const char* kNoDevice = "no device's";
// Compares the device with the CPU, so that the CPU itself is left out.
inline constexpr const char* kNotCpu = "against the CPU";
// Gradients against central differences in double precision: modes test and grad.
inline constexpr const char* kGradients = "gradients";
// Needs what only the backend made for the tests can do: hold results back, fail, be lost.
inline constexpr const char* kPlainOnly = "the plain backend's";

inline doctest::test_suite suite(const char* name) {
  return doctest::test_suite(name);
}

}  // namespace rst::test
