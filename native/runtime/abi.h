// What a backend's library and the program that opens it must agree on.
#pragma once

namespace rst {

// Tells apart the headers of native/core, native/ops and native/runtime, the C++ library and how it was
// compiled: between two that differ no object may pass. Written by the build (abi.cmake).
extern const char* const kAbi;

}  // namespace rst
