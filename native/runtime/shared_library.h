// Libraries that are opened while the program runs.
#pragma once

#include <string>

namespace rst {

// `librst_cuda.so`, `.dylib` or `rst_cuda.dll`.
std::string library_name(const std::string& backend);

// The path of a file in the folder of the library or program that holds this code.
std::string beside_this_code(const std::string& file);

// A library that stays open until the process ends: what it started may still run in its code.
class SharedLibrary {
 public:
  // Throws Error(kDevice) with the loader's reason. `path` is absolute.
  explicit SharedLibrary(const std::string& path);

  // Null where the library does not export it.
  template <class Function>
  Function* find(const char* symbol) const {
    return reinterpret_cast<Function*>(address(symbol));
  }

 private:
  void* address(const char* symbol) const;

  void* handle_ = nullptr;
};

}  // namespace rst
