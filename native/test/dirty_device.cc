#include "native/test/dirty_device.h"

#include <cstring>

namespace rst::test {
namespace {

cpu::CpuBackend& dirty(cpu::CpuBackend& backend, uint8_t byte) {
  backend.allocator().watch([byte](CachingAllocator::Block& block) {
    std::memset(block.data, byte, static_cast<size_t>(block.size));
    block.content = 0;
  });
  return backend;
}

}  // namespace

DirtyDevice::DirtyDevice(uint8_t byte, const cpu::CpuOptions& options)
    : allocator_(nullptr), device_(std::make_unique<cpu::CpuBackend>(options)) {
  allocator_ = &dirty(static_cast<cpu::CpuBackend&>(device_.backend()), byte).allocator();
}

}  // namespace rst::test
