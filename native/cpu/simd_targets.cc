// Which of the compiled instruction sets this processor and its system run: what Highway's library would
// answer. With these few functions its headers are all that is needed.
#include <hwy/targets.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#if HWY_ARCH_X86
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace hwy {
namespace {

#if HWY_ARCH_X86

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

// Zeros for a leaf that the processor does not have.
Registers cpuid(uint32_t leaf) {
  Registers r;
#if defined(_MSC_VER)
  int all[4];
  __cpuid(all, static_cast<int>(leaf & 0x80000000u));
  if (static_cast<uint32_t>(all[0]) < leaf) return r;
  __cpuidex(all, static_cast<int>(leaf), 0);
  r = {static_cast<uint32_t>(all[0]), static_cast<uint32_t>(all[1]), static_cast<uint32_t>(all[2]),
       static_cast<uint32_t>(all[3])};
#else
  __get_cpuid_count(leaf, 0, &r.a, &r.b, &r.c, &r.d);
#endif
  return r;
}

// The registers that the system saves between threads. Only where cpuid says OSXSAVE.
uint64_t saved_state() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
#endif
}

constexpr uint32_t bits(std::initializer_list<int> positions) {
  uint32_t all = 0;
  for (int position : positions) all |= uint32_t{1} << position;
  return all;
}
constexpr bool has(uint32_t word, uint32_t wanted) {
  return (word & wanted) == wanted;
}

int64_t detect() {
  // Leaf 1, ECX: PCLMULQDQ, SSSE3, FMA, SSE4.1, SSE4.2, AES, OSXSAVE, AVX, F16C. Leaf 7, EBX: BMI, AVX2,
  // BMI2, AVX-512 F, DQ, CD, BW, VL. Leaf 0x80000001, ECX: LZCNT.
  constexpr uint32_t kSsse3 = bits({9}), kSse4 = bits({1, 19, 20, 25}), kOsXsave = bits({27});
  constexpr uint32_t kAvx = bits({12, 28, 29}), kAvx2 = bits({3, 5, 8}), kLzcnt = bits({5});
  constexpr uint32_t kAvx512 = bits({16, 17, 28, 30, 31});
  constexpr uint64_t kVectors = 0x6, kWideVectors = 0xE6;  // XMM and YMM; masks and ZMM too

  const uint32_t features = cpuid(1).c, extended = cpuid(7).b, more = cpuid(0x80000001u).c;
  int64_t targets = 0;
  if (!has(features, kSsse3)) return targets;
  targets |= HWY_SSSE3;
  if (!has(features, kSse4)) return targets;
  targets |= HWY_SSE4;
  if (!has(features, kAvx | kOsXsave) || !has(extended, kAvx2) || !has(more, kLzcnt)) return targets;
  const uint64_t state = saved_state();
  if ((state & kVectors) != kVectors) return targets;
  targets |= HWY_AVX2;
  if (has(extended, kAvx512) && (state & kWideVectors) == kWideVectors) targets |= HWY_AVX3;
  return targets;
}

#else

// Elsewhere what the compiler may use anyway.
int64_t detect() {
  return 0;
}

#endif

std::atomic<int64_t> targets_of_test{0};
ChosenTarget chosen_target;

}  // namespace

int64_t SupportedTargets() {
  static const int64_t detected = (detect() | HWY_STATIC_TARGET) & HWY_TARGETS;
  const int64_t of_test = targets_of_test.load(std::memory_order_relaxed);
  return of_test ? of_test : detected;
}

void SetSupportedTargetsForTest(int64_t targets) {
  targets_of_test = targets;
}

ChosenTarget& GetChosenTarget() {
  return chosen_target;
}

// Of Highway's own assertions.
void Abort(const char* file, int line, const char* format, ...) {
  std::fprintf(stderr, "%s:%d: ", file, line);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::abort();
}

}  // namespace hwy
