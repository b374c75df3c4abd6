#include <doctest/doctest.h>

#include <set>

#include "native/core/philox.h"
#include "native/test/harness.h"

namespace rst::test {
namespace {

constexpr uint64_t kSeed = 77;
constexpr uint32_t kEpoch = 5;

AttributeList augment(double crop_padding, double flip) {
  return {{"seed", {static_cast<double>(kSeed)}},
          {"epoch", {kEpoch}},
          {"crop_padding", {crop_padding}},
          {"flip", {flip}}};
}

// The rows are their own ids.
const HostTensor kNoIds;

// Pads with zeros, crops, then mirrors.
HostTensor gather_reference(const HostTensor& images, const HostTensor& indices, int64_t padding, bool flip) {
  const int64_t channels = images.shape[1], height = images.shape[2], width = images.shape[3];
  HostTensor batch = filled({indices.shape[0], channels, height, width}, 0);
  auto out = batch.values.begin();
  for (double index : indices.values) {
    const RandomStream stream{kSeed, Purpose::kAugment, kEpoch, static_cast<uint32_t>(index)};
    const auto offsets = static_cast<uint32_t>(2 * padding + 1);
    const int64_t top = stream.word(0) % offsets - padding, left = stream.word(1) % offsets - padding;
    const bool mirrored = flip && stream.word(2) >> 31;
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t y = 0; y < height; ++y) {
        for (int64_t x = 0; x < width; ++x, ++out) {
          const int64_t from_y = y + top, from_x = (mirrored ? width - 1 - x : x) + left;
          if (from_y < 0 || from_y >= height || from_x < 0 || from_x >= width) continue;
          const int64_t at =
              ((static_cast<int64_t>(index) * channels + c) * height + from_y) * width + from_x;
          *out = static_cast<float>(images.values[static_cast<size_t>(at)]) / 255.0f;
        }
      }
    }
  }
  return batch;
}

TEST_CASE("gather_images crops, flips and scales to [0, 1]") {
  for (const Shape& shape : {Shape{9, 3, 7, 5}, Shape{4, 1, 1, 1}, Shape{30, 3, 8, 8}}) {
    const HostTensor images = random_integers(shape, 1, 256);
    for (int64_t count : {1, 3, 16, 37}) {
      const HostTensor indices = random_integers({count}, 2, shape[0]);
      for (const auto& [padding, flip] : {std::pair{0, false}, {0, true}, {1, false}, {1, true}}) {
        CAPTURE(shape.to_string());
        const auto batch = run_op("gather_images", {images, indices, kNoIds}, augment(padding, flip));
        CHECK(batch[0].values == gather_reference(images, indices, padding, flip).values);
      }
    }
  }
}

TEST_CASE("gather_images draws every offset and both mirrors, each image alike in any batch") {
  const HostTensor images = random_integers({64, 1, 9, 9}, 3, 256);
  HostTensor indices = filled({64}, 0);
  for (size_t i = 0; i < 64; ++i) indices.values[i] = static_cast<double>(i);
  const auto batch = run_op("gather_images", {images, indices, kNoIds}, augment(4, 1))[0];
  CHECK(batch.values == gather_reference(images, indices, 4, true).values);
  const auto alone = run_op("gather_images", {images, {{1}, {50}}, kNoIds}, augment(4, 1))[0];
  CHECK(std::equal(alone.values.begin(), alone.values.end(), batch.values.begin() + 50 * 81));
  std::set<uint32_t> offsets;
  int64_t mirrored = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    const RandomStream stream{kSeed, Purpose::kAugment, kEpoch, i};
    offsets.insert(stream.word(0) % 9);
    mirrored += stream.word(2) >> 31;
  }
  CHECK(offsets.size() == 9);
  CHECK(std::abs(mirrored - 500) < 60);
}

TEST_CASE("gather_images draws by the ids where they are given") {
  const HostTensor images = random_integers({20, 1, 9, 9}, 3, 256);
  const HostTensor ids = {{3}, {7, 19, 7}};
  const auto whole = run_op("gather_images", {images, ids, kNoIds}, augment(4, 1))[0];
  // The same two images as rows of a part of the others.
  HostTensor part = filled({2, 1, 9, 9}, 0);
  for (size_t i = 0; i < 81; ++i) {
    part.values[i] = images.values[19 * 81 + i];
    part.values[81 + i] = images.values[7 * 81 + i];
  }
  const auto batch = run_op("gather_images", {part, {{3}, {1, 0, 1}}, ids}, augment(4, 1))[0];
  CHECK(batch.values == whole.values);
}

TEST_CASE("gather_images refuses wrong calls") {
  const HostTensor images = random_integers({3, 1, 4, 4}, 4, 256);
  for (double index : {-1.0, 3.0}) {
    check_throws(ErrorCode::kArgument, "gather_images", {images, {{2}, {0, index}}, kNoIds}, augment(0, 0));
  }
  check_throws(ErrorCode::kArgument, "gather_images", {images, filled({1}, 0), kNoIds}, augment(5, 0));
  check_throws(ErrorCode::kShape, "gather_images", {images, filled({2}, 0), filled({1}, 0)}, augment(0, 0));
  check_throws(ErrorCode::kShape, "gather_images", {filled({3, 4}, 0), filled({1}, 0), kNoIds},
               augment(0, 0));
}

}  // namespace
}  // namespace rst::test
