// Normal deviates that have the same bits on every machine: only +, −, ×, ÷ and √ (exact under IEEE 754) are
// used, never the platform's log or exp. Compile without contraction (-ffp-contract=off, --fmad=false).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "native/core/philox.h"

namespace rst {

// A double in (0, 1), symmetric about ½, from the upper 52 bits of a block's first two words.
constexpr double uniform_open01(const PhiloxBlock& block) {
  const uint64_t bits = uint64_t{block[0]} << 20 | block[1] >> 12;
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;
}

// c0 + x·(c1 + x·(c2 + …)).
constexpr double horner(double, double c) {
  return c;
}
template <class... Rest>
constexpr double horner(double x, double c, Rest... rest) {
  return c + x * horner(x, rest...);
}

constexpr double kLn2High = 0x1.62e42fee00000p-1;  // 32 bits, so that its product with an exponent is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// The natural logarithm, to about one ulp; of 0 −infinity, of negative numbers NaN.
constexpr double portable_log(double x) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!(x > 0)) return x == 0 ? -kInfinity : std::numeric_limits<double>::quiet_NaN();
  if (x == kInfinity) return x;
  if (x < 0x1p-1022) return portable_log(x * 0x1p54) - 54 * kLn2High - 54 * kLn2Low;
  constexpr uint64_t kMantissa = (uint64_t{1} << 52) - 1;
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & kMantissa) | uint64_t{1023} << 52);
  if (m > 0x1.6a09e667f3bcdp+0) {  // √2: keeps m in [1/√2, √2]
    m *= 0.5;
    ++exponent;
  }
  // log m = 2·atanh(s), |s| ≤ 0.172; the first term left out is below 2⁻⁶⁰.
  const double s = (m - 1) / (m + 1), s2 = s * s;
  const double series = horner(s2, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17,
                               1.0 / 19, 1.0 / 21);
  return exponent * kLn2High + (2 * s + (2 * s * s2 * series + exponent * kLn2Low));
}

// e^x, to about one ulp; from 709 up infinity, from −708 down 0.
constexpr double portable_exp(double x) {
  if (x != x) return x;
  if (x >= 709) return std::numeric_limits<double>::infinity();
  if (x <= -708) return 0;
  const double scaled = x * 0x1.71547652b82fep+0;  // x / ln 2
  const auto exponent = static_cast<int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const auto k = static_cast<double>(exponent);
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| ≤ 0.347
  const double power =
      horner(r, 1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
             1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800);
  return power * std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

// Φ⁻¹(u) for u in (0, 1) by Wichura's algorithm AS 241 (PPND16), Applied Statistics 37 (1988), 477–484.
constexpr double normal_quantile(double u) {
  const double q = u - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    const double r = 0.180625 - q * q;
    return q *
           horner(r, 3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3,
                  1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                  3.3430575583588128105e4, 2.5090809287301226727e3) /
           horner(r, 1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
                  2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4,
                  5.2264952788528545610e3);
  }
  const double tail = q < 0 ? u : 1 - u;
  const double r = std::sqrt(-portable_log(tail));
  double z = 0;
  if (r <= 5) {
    const double t = r - 1.6;
    z = horner(t, 1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
               3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
               2.27238449892691845833e-2, 7.74545014278341407640e-4) /
        horner(t, 1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
               1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
               1.05075007164441684324e-9);
  } else {
    const double t = r - 5;
    z = horner(t, 6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
               2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
               2.71155556874348757815e-5, 2.01033439929228813265e-7) /
        horner(t, 1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
               7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
               2.04426310338993978564e-15);
  }
  return q < 0 ? -z : z;
}

// A standard normal deviate: one block each.
constexpr double normal_deviate(const PhiloxBlock& block) {
  return normal_quantile(uniform_open01(block));
}

}  // namespace rst
