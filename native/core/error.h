// The typed failure that every layer of the core reports; bindings turn it into the JS error class of
// the same name.
#pragma once

#include <stdexcept>
#include <string>

namespace rst {

enum class ErrorCode { kShape, kDevice, kOutOfMemory, kArgument, kInternal };

// Visible in every library that throws or catches it, so that all mean one type.
#ifdef _WIN32
#define RST_ONE_TYPE
#else
#define RST_ONE_TYPE __attribute__((visibility("default")))
#endif

class RST_ONE_TYPE Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

[[noreturn]] inline void throw_shape(const std::string& message) {
  throw Error(ErrorCode::kShape, message);
}
[[noreturn]] inline void throw_argument(const std::string& message) {
  throw Error(ErrorCode::kArgument, message);
}

}  // namespace rst
