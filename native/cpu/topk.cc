// The keep largest |score| in linear time: a radix select on the bit pattern of |score|, whose order as an
// integer is the order of the values.
#include <algorithm>
#include <vector>

#include "native/cpu/cpu_backend.h"
#include "native/cpu/kernels.h"
#include "native/ops/mask.h"

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

// Adds to counts[key >> shift] for each score. counts holds two histograms of `buckets` each, taken in turn
// because neighbouring scores often meet in one bucket and would wait for each other.
void CountScores(const float* HWY_RESTRICT scores, int64_t count, int shift, uint32_t* HWY_RESTRICT counts,
                 int64_t buckets) {
  int64_t i = 0;
  for (; i + 1 < count; i += 2) {
    ++counts[Key(scores[i]) >> shift];
    ++counts[buckets + (Key(scores[i + 1]) >> shift)];
  }
  if (i < count) ++counts[Key(scores[i]) >> shift];
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

HWY_EXPORT(CountScores);
HWY_EXPORT(CollectBucket);
HWY_EXPORT(WriteMask);
HWY_EXPORT(WriteMaskWithTies);

// A key's 31 bits are chosen in three steps: the upper 11, the middle 10, the lower 10.
constexpr int kUpperShift = 20, kMiddleShift = 10;
constexpr int64_t kBuckets = 2048;
constexpr int64_t kOverrun = 16;  // what CollectBucket may write too much

// One task's share of the scores.
struct Range {
  int64_t begin, end;
  std::vector<uint32_t> counts = std::vector<uint32_t>(2 * kBuckets);  // two histograms
  uint32_t* keys = nullptr;                                            // those of the chosen upper bucket
  int64_t key_count = 0;
  int64_t ties = 0;   // keys that equal the threshold
  int64_t quota = 0;  // how many of those the mask keeps

  uint32_t in_bucket(size_t bucket) const { return counts[bucket] + counts[kBuckets + bucket]; }
};

std::vector<Range> split(int64_t count, int threads) {
  // A few ranges a thread even the load out; a range's counts stay below 2^32.
  const int64_t size = std::clamp<int64_t>(count / (4 * threads) + 1, 1 << 15, 1 << 26);
  std::vector<Range> ranges;
  for (int64_t begin = 0; begin < count; begin += size) {
    ranges.push_back({begin, std::min(count, begin + size)});
  }
  return ranges;
}

// Adds to counts the ten bits from `shift` of those keys whose higher bits are `prefix`.
void count_keys(Range& range, uint32_t prefix, int shift) {
  std::fill(range.counts.begin(), range.counts.end(), 0);
  for (int64_t i = 0; i < range.key_count; ++i) {
    const uint32_t upper = range.keys[i] >> shift;
    if (upper >> 10 == prefix) ++range.counts[static_cast<size_t>((i & 1) * kBuckets) + (upper & 1023)];
  }
}

struct Choice {
  uint32_t bucket;
  int64_t rest;  // how many of the bucket's keys are among the largest
  int64_t size;
};

// The bucket that holds the keep-th largest of what the ranges counted.
Choice choose_bucket(const std::vector<Range>& ranges, int64_t keep) {
  for (size_t bucket = kBuckets; bucket-- > 0;) {
    int64_t size = 0;
    for (const Range& range : ranges) size += range.in_bucket(bucket);
    if (size >= keep) return {static_cast<uint32_t>(bucket), keep, size};
    keep -= size;
  }
  throw Error(ErrorCode::kInternal, "topk_mask expects to find 'keep' scores but found fewer.");
}

void topk_mask(CpuBackend& cpu, const KernelCall& call) {
  const Tensor &scores = call.inputs[0], &mask = call.outputs[0];
  const int64_t keep = call.as<TopkParams>().keep;
  const float* in = cpu.plain_input(scores);
  auto* out = cpu.plain_output<uint8_t>(mask);
  std::vector<Range> ranges = split(scores.elements(), cpu.pool().threads());
  const auto for_each_range = [&](const auto& task) {
    cpu.pool().parallel_for(static_cast<int64_t>(ranges.size()),
                            [&](int64_t i) { task(ranges[static_cast<size_t>(i)]); });
  };

  for_each_range([&](Range& r) {
    HWY_DYNAMIC_DISPATCH(CountScores)(in + r.begin, r.end - r.begin, kUpperShift, r.counts.data(), kBuckets);
  });
  const Choice upper = choose_bucket(ranges, keep);

  // From here on only the chosen bucket's keys are looked at.
  const int64_t room = upper.size + kOverrun * static_cast<int64_t>(ranges.size());
  const Buffer collected = cpu.scratch(room * static_cast<int64_t>(sizeof(uint32_t)));
  auto* next = collected.as<uint32_t>();
  for (Range& r : ranges) {
    r.keys = next;
    next += r.in_bucket(upper.bucket) + kOverrun;
  }
  for_each_range([&](Range& r) {
    r.key_count =
        HWY_DYNAMIC_DISPATCH(CollectBucket)(in + r.begin, r.end - r.begin, kUpperShift, upper.bucket, r.keys);
    count_keys(r, upper.bucket, kMiddleShift);
  });
  const Choice middle = choose_bucket(ranges, upper.rest);
  const uint32_t prefix = upper.bucket << 10 | middle.bucket;
  for_each_range([&](Range& r) { count_keys(r, prefix, 0); });
  const Choice lower = choose_bucket(ranges, middle.rest);
  const uint32_t threshold = prefix << 10 | lower.bucket;

  // Ties go to the lower index: the first ranges take as many as they have.
  int64_t left = lower.rest;
  for (Range& r : ranges) {
    r.ties = r.in_bucket(lower.bucket);
    r.quota = std::min(left, r.ties);
    left -= r.quota;
  }
  for_each_range([&](Range& r) {
    const int64_t count = r.end - r.begin;
    if (r.quota == r.ties || r.quota == 0) {
      HWY_DYNAMIC_DISPATCH(WriteMask)
      (in + r.begin, out + r.begin, count, r.quota == r.ties ? threshold : threshold + 1);
    } else {
      HWY_DYNAMIC_DISPATCH(WriteMaskWithTies)(in + r.begin, out + r.begin, count, threshold, r.quota);
    }
  });
}

}  // namespace

void add_topk_kernels(KernelTable& table) {
  table.add("topk_mask", on_cpu<topk_mask>);
}

}  // namespace rst::cpu
#endif  // HWY_ONCE
