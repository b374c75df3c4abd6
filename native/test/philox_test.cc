#include "native/core/philox.h"
#include "native/test/suites.h"

#include <doctest/doctest.h>

#include <set>
#include <vector>

namespace rst {
namespace {

TEST_SUITE_BEGIN(test::kNoDevice);

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  static_assert(philox4x32_10({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5, "usable at compile time");
}

TEST_CASE("every part of a stream's name changes its words") {
  const std::vector<RandomStream> streams = {
      {0, Purpose::kWeight},        {1, Purpose::kWeight},      {uint64_t{1} << 32, Purpose::kWeight},
      {0, Purpose::kScore},         {0, Purpose::kWeight, 1},   {0, Purpose::kWeight, 0, 1},
      {0, Purpose::kAttackStart},   {0, Purpose::kNoise, 0, 0}, {0, Purpose::kAugment, 1, 0},
      {0, Purpose::kAugment, 0, 1},
  };
  std::set<uint32_t> words;
  for (const RandomStream& stream : streams) words.insert(stream.word(0));
  CHECK(words.size() == streams.size());
}

TEST_CASE("words run through blocks, and positions above 2^32 have blocks of their own") {
  const RandomStream stream{7, Purpose::kNoise, 3, 9};
  for (uint64_t i = 0; i < 12; ++i) CHECK(stream.word(i) == stream.block(i / 4)[i % 4]);
  CHECK(stream.block(5) != stream.block(5 + (uint64_t{1} << 32)));
}

TEST_CASE("uniform01 covers [0, 1) in steps of 2^-24") {
  CHECK(uniform01(0) == 0.0f);
  CHECK(uniform01(0x100) == 0x1p-24f);
  CHECK(uniform01(0xffffffff) == 1 - 0x1p-24f);
}

}  // namespace
}  // namespace rst
