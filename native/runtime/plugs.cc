#include "native/runtime/plugs.h"

#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "native/runtime/shared_library.h"

namespace rst {
namespace {

[[noreturn]] void throw_device(const std::string& message) {
  throw Error(ErrorCode::kDevice, message);
}

template <class Function>
Function* exported(const SharedLibrary& library, const std::string& path, const char* symbol) {
  if (auto* function = library.find<Function>(symbol)) return function;
  throw_device("The library " + path + " is no backend of rst-native: it does not export " + symbol + ".");
}

}  // namespace

Plug::Plug(const std::string& path) {
  if (!kPlugsWork) {
    throw_device("The library " + path +
                 " cannot be used: this addon is built with libc++ for Linux (musl), where an error " +
                 "that a backend throws would end the process.");
  }
  const SharedLibrary library(path);
  const char* abi = exported<PlugAbi>(library, path, "rst_backend_abi")();
  if (abi == nullptr || std::strcmp(abi, kAbi) != 0) {
    throw_device("The library " + path + " was built for another version of rst-native (" +
                 (abi ? abi : "unknown") + ", not " + kAbi +
                 "): build it again with the sources of this one.");
  }
  devices_ = exported<PlugDevices>(library, path, "rst_backend_devices");
  create_ = exported<PlugCreate>(library, path, "rst_backend_create");
}

std::vector<PlugDevice> Plug::devices() const {
  std::vector<PlugDevice> devices;
  std::string problem;
  devices_(devices, problem);
  if (!problem.empty()) throw_device(problem);
  return devices;
}

std::unique_ptr<Backend> Plug::create(const BackendOptions& options) const {
  std::optional<Error> error;
  std::unique_ptr<Backend> backend(create_(options, error));
  if (error) throw *error;
  if (!backend) throw_device("The library of the backend made none and gave no reason.");
  return backend;
}

const Plug& open_plug(const std::string& path) {
  static std::mutex mutex;
  static auto& open = *new std::map<std::string, std::unique_ptr<const Plug>>;
  std::lock_guard lock(mutex);
  auto& plug = open[path];
  if (!plug) plug.reset(new Plug(path));
  return *plug;
}

std::string plug_path(const std::string& backend) {
  return beside_this_code(library_name(backend));
}

}  // namespace rst
