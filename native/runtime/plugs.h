// Backends that are libraries of their own, opened on first wish.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/runtime/backend.h"
#include "native/runtime/plug.h"

namespace rst {

// libc++ on Linux (musl) knows exceptions by where their type lies, and each library has a type of its own.
#if defined(__linux__) && defined(_LIBCPP_VERSION)
inline constexpr bool kPlugsWork = false;
#else
inline constexpr bool kPlugsWork = true;
#endif

class Plug {
 public:
  // Throws Error(kDevice) with the library's reason where it has none.
  std::vector<PlugDevice> devices() const;
  // Throws what the library reports.
  std::unique_ptr<Backend> create(const BackendOptions& options) const;

 private:
  friend const Plug& open_plug(const std::string& path);
  explicit Plug(const std::string& path);

  PlugDevices* devices_;
  PlugCreate* create_;
};

// Opens the library of a backend, once a process. Throws Error(kDevice) that says what is wrong with it.
const Plug& open_plug(const std::string& path);

// Where the library of a backend is looked for: beside the addon, or the program that asks.
std::string plug_path(const std::string& backend);

}  // namespace rst
