// Runs on another backend what a device's own has no kernel for: down, there, and up again.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "native/runtime/backend.h"

namespace rst {

using MakeBackend = std::function<std::unique_ptr<Backend>()>;

class Fallback {
 public:
  // `make` is called for the first op that needs it; null where there is no other backend.
  explicit Fallback(MakeBackend make) : make_(std::move(make)) {}

  // Of the device's worker: waits until the inputs are down. `changed` says which inputs the op changes.
  // Throws what the other backend throws, and Error(kDevice) where there is none or it lacks the op too.
  void run(Backend& device, std::string_view op, const KernelCall& call,
           const std::function<bool(size_t input)>& changed);

  // op → how often it ran here.
  std::map<std::string, int64_t> counts() const;

 private:
  MakeBackend make_;
  std::unique_ptr<Backend> other_;
  mutable std::mutex mutex_;
  std::map<std::string, int64_t, std::less<>> counts_;
};

}  // namespace rst
