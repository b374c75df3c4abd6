// Where an allocator's blocks come from: the host's memory, or a device's.
#pragma once

#include <cstdint>

namespace rst {

// Any thread may call it.
class MemorySource {
 public:
  virtual ~MemorySource() = default;

  // A block of at least so many bytes (> 0), aligned for whatever is kept in it; null where there is none.
  virtual void* allocate(int64_t bytes) noexcept = 0;
  // Takes back a block; `bytes` is what was asked for.
  virtual void free(void* block, int64_t bytes) noexcept = 0;
  // Completes "… has no such block left".
  virtual const char* name() const noexcept = 0;
};

// Blocks are 64-byte aligned; those of 1 MiB and more are aligned to and backed by huge pages where the
// system grants them, because a convolution walks one page a channel.
MemorySource& host_memory();

}  // namespace rst
