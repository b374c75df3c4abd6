#include "native/runtime/memory_source.h"

#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

#include <cstdlib>

namespace rst {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

class HostMemory final : public MemorySource {
 public:
  void* allocate(int64_t bytes) noexcept override {
    const int64_t alignment = bytes >= kHugePage / 2 ? kHugePage : 64;
#ifdef _WIN32
    return _aligned_malloc(static_cast<size_t>(bytes), static_cast<size_t>(alignment));
#else
    void* block = nullptr;
    if (posix_memalign(&block, static_cast<size_t>(alignment), static_cast<size_t>(bytes)) != 0)
      return nullptr;
#ifdef MADV_HUGEPAGE
    // Only advice: a system without huge pages ignores it.
    if (alignment == kHugePage) madvise(block, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
    return block;
#endif
  }

  void free(void* block, int64_t) noexcept override {
#ifdef _WIN32
    _aligned_free(block);
#else
    std::free(block);
#endif
  }

  const char* name() const noexcept override {
    return "the system";
  }
};

}  // namespace

MemorySource& host_memory() {
  // Never destroyed: a device may outlive what the end of the process destroys.
  static auto& memory = *new HostMemory;
  return memory;
}

}  // namespace rst
