// Starting threads, which the system may refuse.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "native/core/error.h"

namespace rst {

// Starts a thread that runs the body, or throws. Tests pass one that fails.
using StartThread = std::function<std::thread(std::function<void()> body)>;

inline std::thread start_thread(std::function<void()> body) {
  return std::thread(std::move(body));
}

// `which` completes "Could not start …".
[[noreturn]] inline void throw_no_thread(const std::string& which, const std::exception& reason) {
  throw Error(ErrorCode::kDevice, "Could not start " + which + " (" + reason.what() +
                                      "): use fewer threads, or raise the system's limit on processes and "
                                      "threads (ulimit -u; in a container, that of its pids).");
}

}  // namespace rst
