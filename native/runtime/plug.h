// What the library of a backend exports. The process opens it once and never closes it.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "native/core/error.h"
#include "native/runtime/abi.h"

#ifdef _WIN32
#define RST_EXPORT __declspec(dllexport)
#else
#define RST_EXPORT __attribute__((visibility("default")))
#endif

namespace rst {

class Backend;

struct BackendOptions {
  int index = 0;             // which of its devices
  int threads = 1;           // of the host
  int64_t memory_limit = 0;  // bytes; 0 = the device's
  bool sparse = true;        // false: every convolution by the dense kernels
};

// A device that the backend can run on.
struct PlugDevice {
  std::string description;
  std::string problem;  // why it cannot be used; empty where it can
};

// The exported functions; the types below are theirs. Only the first may be called where it does not answer
// kAbi: all else would misread its arguments.
//   rst_backend_abi      kAbi of the headers it was compiled with
//   rst_backend_devices  appends the devices, or says why there are none
//   rst_backend_create   a new backend, owned by the caller, or null and the error
using PlugAbi = const char*();
using PlugDevices = void(std::vector<PlugDevice>& devices, std::string& problem);
using PlugCreate = Backend*(const BackendOptions& options, std::optional<Error>& error);

}  // namespace rst

// Defines the last two. `list` is a function () → std::vector<PlugDevice>, `make` a function
// (const BackendOptions&) → std::unique_ptr<Backend>; both may throw.
#define RST_EXPORT_BACKEND(list, make)                                                       \
  extern "C" RST_EXPORT void rst_backend_devices(std::vector<rst::PlugDevice>& devices,      \
                                                 std::string& problem) {                     \
    try {                                                                                    \
      devices = list();                                                                      \
    } catch (const std::exception& error) {                                                  \
      problem = error.what();                                                                \
    }                                                                                        \
  }                                                                                          \
  extern "C" RST_EXPORT rst::Backend* rst_backend_create(const rst::BackendOptions& options, \
                                                         std::optional<rst::Error>& error) { \
    try {                                                                                    \
      return make(options).release();                                                        \
    } catch (const rst::Error& refused) {                                                    \
      error = refused;                                                                       \
    } catch (const std::exception& failed) {                                                 \
      error = rst::Error(rst::ErrorCode::kDevice, failed.what());                            \
    }                                                                                        \
    return nullptr;                                                                          \
  }

// Defines all three: once in a library.
#define RST_DEFINE_BACKEND(list, make)                  \
  extern "C" RST_EXPORT const char* rst_backend_abi() { \
    return rst::kAbi;                                   \
  }                                                     \
  RST_EXPORT_BACKEND(list, make)
