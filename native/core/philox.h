// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3"
// (SC 2011), and the streams this project draws from it.
//
// Every random number is a pure function of (seed, purpose, step, index, position): nothing is carried from
// one draw to the next, so results depend on neither batch size, order, thread count nor resume.
#pragma once

#include <array>
#include <cstdint>

namespace rst {

using PhiloxBlock = std::array<uint32_t, 4>;

constexpr PhiloxBlock philox4x32_10(PhiloxBlock counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

// What a stream is used for. The values are part of every saved result: append, never renumber.
enum class Purpose : uint32_t {
  kWeight = 1,
  kScore = 2,
  kAugment = 3,
  kAttackStart = 4,
  kNoise = 5,
  kDataOrder = 6,
  kSubset = 7,
  // Taken by src/random/philox.ts, which alone draws from them: 8, 9 and 16.
};

// One stream of random blocks. `index` is the layer or the sample, `step` the epoch, restart or attack step.
struct RandomStream {
  uint64_t seed;
  Purpose purpose;
  uint32_t step = 0;
  uint32_t index = 0;

  constexpr PhiloxBlock block(uint64_t position) const {
    // Positions above 2^32 borrow the upper half of the purpose word, which no purpose uses.
    const uint32_t high = static_cast<uint32_t>(position >> 32) << 8;
    return philox4x32_10(
        {static_cast<uint32_t>(position), index, step, static_cast<uint32_t>(purpose) | high},
        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  }
  constexpr uint32_t word(uint64_t i) const { return block(i / 4)[i % 4]; }
};

// A float in [0, 1), a multiple of 2^-24, from the upper bits of a word.
constexpr float uniform01(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

}  // namespace rst
