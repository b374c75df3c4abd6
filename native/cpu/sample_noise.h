// How noise that belongs to samples is spread over blocked tensors and threads.
#pragma once

#include <array>

#include "native/cpu/layout.h"
#include "native/runtime/thread_pool.h"

namespace rst::cpu {

// The sample ids of one block's lanes; lanes beyond the batch repeat id 0.
using SampleIds = std::array<uint32_t, kLanes>;

inline SampleIds block_sample_ids(const BlockedShape& s, int64_t b, const int32_t* sample_ids) {
  SampleIds ids{};
  for (int i = 0; i < s.lanes(b); ++i)
    ids[static_cast<size_t>(i)] = static_cast<uint32_t>(sample_ids[b * kLanes + i]);
  return ids;
}

inline int64_t sample_elements(const BlockedShape& s) {
  return s.c * s.h * s.w;
}

// Where element j (row-major within its sample) of block b lies.
inline int64_t sample_element_offset(const BlockedShape& s, int64_t b, int64_t j) {
  return s.offset(b, j / (s.h * s.w), j / s.w % s.h, j % s.w);
}

// Elements of a sample that one task draws: a multiple of the 4 words of a Philox block.
constexpr int64_t kNoiseChunk = 256;

inline int64_t noise_chunks(const BlockedShape& s) {
  return (sample_elements(s) + kNoiseChunk - 1) / kNoiseChunk;
}

// Calls task(b, chunk, begin, end) for each chunk of each block's samples.
template <class Task>
void parallel_noise(ThreadPool& pool, const BlockedShape& s, const Task& task) {
  const int64_t chunks = noise_chunks(s);
  pool.parallel_for(s.blocks() * chunks, [&](int64_t i) {
    const int64_t chunk = i % chunks, begin = chunk * kNoiseChunk;
    task(i / chunks, chunk, begin, std::min(sample_elements(s), begin + kNoiseChunk));
  });
}

}  // namespace rst::cpu
