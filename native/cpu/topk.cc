// The keep largest |score| in linear time: a radix select on the bit pattern of |score|, whose order as an
// integer is the order of the values.
#include <algorithm>
#include <vector>

#include "native/cpu/cpu_backend.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "native/cpu/topk.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace rst::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using D32 = hn::CappedTag<uint32_t, 16>;
using V32 = hn::Vec<D32>;

// 31 bits; every NaN has the same one, above infinity's.
constexpr uint32_t kNanKey = 0x7F800001;

HWY_INLINE uint32_t Key(float score) {
  return std::min(std::bit_cast<uint32_t>(score) & 0x7FFFFFFFu, kNanKey);
}

HWY_INLINE V32 Keys(const float* score) {
  const D32 d;
  const V32 bits = hn::BitCast(d, hn::LoadU(hn::RebindToFloat<D32>(), score));
  return hn::Min(hn::And(bits, hn::Set(d, 0x7FFFFFFF)), hn::Set(d, kNanKey));
}

// counts[key >> shift] of count scores.
void CountKeys(const float* HWY_RESTRICT scores, int64_t count, int shift, uint32_t* HWY_RESTRICT counts,
               size_t buckets) {
  // Two histograms, because neighbouring scores often meet in one bucket and would wait for each other.
  std::vector<uint32_t> odd(buckets);
  int64_t i = 0;
  for (; i + 1 < count; i += 2) {
    ++counts[Key(scores[i]) >> shift];
    ++odd[Key(scores[i + 1]) >> shift];
  }
  if (i < count) ++counts[Key(scores[i]) >> shift];
  for (size_t k = 0; k < buckets; ++k) counts[k] += odd[k];
}

// Copies the keys whose upper bits are `bucket`, in order; writes up to 16 keys more than it returns.
int64_t CollectBucket(const float* HWY_RESTRICT scores, int64_t count, int shift, uint32_t bucket,
                      uint32_t* HWY_RESTRICT keys) {
  const D32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t found = 0, i = 0;
  const V32 first = hn::Set(d, bucket << shift), width = hn::Set(d, 1u << shift);
  for (; i + lanes <= count; i += lanes) {
    const V32 key = Keys(scores + i);
    // Unsigned: keys below the bucket wrap around to large differences.
    const auto inside = hn::Lt(hn::Sub(key, first), width);
    hn::StoreU(hn::Compress(key, inside), d, keys + found);
    found += static_cast<int64_t>(hn::CountTrue(d, inside));
  }
  for (; i < count; ++i) {
    keys[found] = Key(scores[i]);
    found += keys[found] >> shift == bucket;
  }
  return found;
}

// 1 for every key of at least `lowest`.
void WriteMask(const float* HWY_RESTRICT scores, uint8_t* HWY_RESTRICT mask, int64_t count, uint32_t lowest) {
  for (int64_t i = 0; i < count; ++i) mask[i] = Key(scores[i]) >= lowest;
}

// 1 for every key above `threshold` and for the first `ties` that equal it.
void WriteMaskWithTies(const float* HWY_RESTRICT scores, uint8_t* HWY_RESTRICT mask, int64_t count,
                       uint32_t threshold, int64_t ties) {
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t key = Key(scores[i]);
    const bool tie = key == threshold && ties > 0;
    ties -= tie;
    mask[i] = key > threshold || tie;
  }
}

}  // namespace rst::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rst::cpu {
namespace {

HWY_EXPORT(CountKeys);
HWY_EXPORT(CollectBucket);
HWY_EXPORT(WriteMask);
HWY_EXPORT(WriteMaskWithTies);

// A key's 31 bits are chosen in three steps: 11, then 10, then 10.
constexpr int kUpperShift = 20, kMiddleShift = 10;
constexpr size_t kUpperBuckets = 2048, kLowerBuckets = 1024;
constexpr int64_t kOverrun = 16;  // what CollectBucket may write too much

using Histogram = std::vector<uint64_t>;

struct Choice {
  uint32_t bucket;
  int64_t rest;  // how many of the bucket's keys are among the largest
};

// The bucket that holds the keep-th largest key.
Choice choose_bucket(const Histogram& counts, int64_t keep) {
  size_t bucket = counts.size() - 1;
  while (static_cast<int64_t>(counts[bucket]) < keep) keep -= static_cast<int64_t>(counts[bucket--]);
  return {static_cast<uint32_t>(bucket), keep};
}

// One thread's share of the scores.
struct Range {
  int64_t begin, end;
  std::vector<uint32_t> upper = std::vector<uint32_t>(kUpperBuckets);
  uint32_t* keys = nullptr;  // those of the chosen upper bucket
  int64_t key_count = 0;
  int64_t ties = 0;
};

Choice choose_lower(const std::vector<Range>& ranges, int64_t keep, uint32_t prefix, int prefix_shift,
                    int shift) {
  Histogram counts(kLowerBuckets);
  for (const Range& range : ranges) {
    for (int64_t i = 0; i < range.key_count; ++i) {
      if (range.keys[i] >> prefix_shift == prefix) ++counts[range.keys[i] >> shift & (kLowerBuckets - 1)];
    }
  }
  return choose_bucket(counts, keep);
}

std::vector<Range> split(int64_t count, int threads) {
  // A few ranges a thread even the load out; a range's counts stay below 2^32.
  const int64_t size = std::clamp<int64_t>(count / (4 * threads) + 1, 1 << 15, 1 << 26);
  std::vector<Range> ranges;
  for (int64_t begin = 0; begin < count; begin += size)
    ranges.push_back({begin, std::min(count, begin + size)});
  return ranges;
}

}  // namespace

void CpuBackend::topk_mask(const Tensor& scores, const Tensor& mask, int64_t keep) {
  const float* in = plain_input(scores);
  auto* out = plain_output<uint8_t>(mask);
  std::vector<Range> ranges = split(scores.elements(), pool_.threads());
  const auto for_each_range = [&](const std::function<void(Range&)>& task) {
    pool_.parallel_for(static_cast<int64_t>(ranges.size()),
                       [&](int64_t i) { task(ranges[static_cast<size_t>(i)]); });
  };

  for_each_range([&](Range& range) {
    HWY_DYNAMIC_DISPATCH(CountKeys)
    (in + range.begin, range.end - range.begin, kUpperShift, range.upper.data(), kUpperBuckets);
  });
  Histogram upper_counts(kUpperBuckets);
  for (const Range& range : ranges) {
    for (size_t k = 0; k < kUpperBuckets; ++k) upper_counts[k] += range.upper[k];
  }
  const Choice upper = choose_bucket(upper_counts, keep);

  const auto room =
      static_cast<int64_t>(upper_counts[upper.bucket]) + kOverrun * static_cast<int64_t>(ranges.size());
  const Buffer collected = scratch(room * static_cast<int64_t>(sizeof(uint32_t)));
  auto* next = collected.as<uint32_t>();
  for (Range& range : ranges) {
    range.keys = next;
    next += range.upper[upper.bucket] + kOverrun;
  }
  for_each_range([&](Range& range) {
    range.key_count = HWY_DYNAMIC_DISPATCH(CollectBucket)(in + range.begin, range.end - range.begin,
                                                          kUpperShift, upper.bucket, range.keys);
  });
  const Choice middle = choose_lower(ranges, upper.rest, upper.bucket, kUpperShift, kMiddleShift);
  const uint32_t middle_prefix = upper.bucket << (kUpperShift - kMiddleShift) | middle.bucket;
  const Choice lower = choose_lower(ranges, middle.rest, middle_prefix, kMiddleShift, 0);
  const uint32_t threshold = middle_prefix << kMiddleShift | lower.bucket;

  for_each_range(
      [&](Range& range) { range.ties = std::count(range.keys, range.keys + range.key_count, threshold); });
  std::vector<int64_t> quotas;
  int64_t left = lower.rest;
  for (const Range& range : ranges) {
    quotas.push_back(std::min(left, range.ties));
    left -= quotas.back();
  }
  for_each_range([&](Range& range) {
    const int64_t quota = quotas[static_cast<size_t>(&range - ranges.data())];
    const float* from = in + range.begin;
    const int64_t count = range.end - range.begin;
    if (quota == range.ties || quota == 0) {
      HWY_DYNAMIC_DISPATCH(WriteMask)(from, out + range.begin, count, threshold + (quota < range.ties));
    } else {
      HWY_DYNAMIC_DISPATCH(WriteMaskWithTies)(from, out + range.begin, count, threshold, quota);
    }
  });
}

}  // namespace rst::cpu
#endif  // HWY_ONCE
