#include "native/core/normal.h"
#include "native/test/suites.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace rst {
namespace {

TEST_SUITE_BEGIN(test::kNoDevice);

TEST_CASE("uniform_open01 stays inside (0, 1) and is symmetric") {
  const double lowest = uniform_open01({0, 0, 0, 0});
  const double highest = uniform_open01({0xffffffff, 0xffffffff, 0, 0});
  CHECK(lowest == 0x1p-53);
  CHECK(highest == 1 - 0x1p-53);
}

TEST_CASE("log and exp from exact operations agree with the platform's to a few ulps") {
  for (double x = 0x1p-53; x < 1e6; x *= 1.37) {
    CHECK(portable_log(x) == doctest::Approx(std::log(x)).epsilon(1e-15));
  }
  CHECK(portable_log(1.0) == 0.0);
  for (double x = -60; x <= 60; x += 0.173) {
    CHECK(std::abs(portable_exp(x) / std::exp(x) - 1) < 1e-15);
  }
  CHECK(portable_exp(0.0) == 1.0);
}

TEST_CASE("log and exp have the limits of the functions, and bits that no platform decides") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity(),
                   kNan = std::numeric_limits<double>::quiet_NaN();
  for (double x = -707.9; x < 709; x += 3.7) {
    CHECK(std::abs(portable_exp(x) / std::exp(x) - 1) < 1e-15);
    CHECK(portable_log(portable_exp(x)) == doctest::Approx(x).epsilon(1e-14));
  }
  CHECK(portable_exp(-kInfinity) == 0);
  CHECK(portable_exp(-1e300) == 0);
  CHECK(portable_exp(1e300) == kInfinity);
  CHECK(portable_exp(kInfinity) == kInfinity);
  CHECK(std::isnan(portable_exp(kNan)));
  CHECK(portable_log(0.0) == -kInfinity);
  CHECK(portable_log(-0.0) == -kInfinity);
  CHECK(std::isnan(portable_log(-1.0)));
  CHECK(std::isnan(portable_log(kNan)));
  CHECK(portable_log(kInfinity) == kInfinity);
  // Not by std::log: some library's is wrong on subnormal numbers.
  CHECK(portable_log(5e-324) == doctest::Approx(-744.4400719213812).epsilon(1e-15));
  CHECK(portable_log(0x1p-1030) == doctest::Approx(-713.9415959767437).epsilon(1e-15));
  CHECK(portable_log(0x1p1023) == doctest::Approx(709.0895657128241).epsilon(1e-15));
  // Known at compile time, so by no library.
  static_assert(portable_exp(-1.25) > 0.286504 && portable_exp(-1.25) < 0.286505);
  static_assert(portable_log(10.0) > 2.302585 && portable_log(10.0) < 2.302586);
}

TEST_CASE("normal_quantile inverts the normal distribution function") {
  // AS 241 gives check values for 0.25, 0.001 and 1e-20.
  CHECK(std::abs(normal_quantile(0.25) - -0.6744897501960817) < 1e-15);
  CHECK(std::abs(normal_quantile(0.001) - -3.090232306167814) < 1e-14);
  CHECK(std::abs(normal_quantile(1e-20) - -9.262340089798408) < 1e-13);
  CHECK(normal_quantile(0.5) == 0.0);
  for (double u = 1e-9; u < 0.5; u *= 1.21) {
    const double z = normal_quantile(u);
    CHECK(std::abs(0.5 * std::erfc(-z / std::sqrt(2.0)) / u - 1) < 1e-13);
  }
  for (double u : {0.001, 0.0625, 0.3, 0.4375})
    CHECK(normal_quantile(u) == doctest::Approx(-normal_quantile(1 - u)));
}

}  // namespace
}  // namespace rst
