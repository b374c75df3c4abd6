// A backend that works, or fails in the way that the environment variable RST_FAULTY names.
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "native/cpu/cpu_backend.h"
#include "native/runtime/plug.h"

namespace rst {
namespace {

bool asked_for(const char* fault) {
  const char* asked = std::getenv("RST_FAULTY");
  return asked != nullptr && std::string(asked) == fault;
}

std::vector<PlugDevice> list() {
  if (asked_for("crash")) std::abort();
  if (asked_for("hang")) std::this_thread::sleep_for(std::chrono::hours(1));
  if (asked_for("exit")) std::_Exit(3);
  if (asked_for("no driver")) throw Error(ErrorCode::kDevice, "There is no driver of the faulty kind.");
  return {{"Faulty 0", asked_for("first busy") ? "Another program has it." : ""}, {"Faulty 1", ""}};
}

std::unique_ptr<Backend> make(const BackendOptions& options) {
  if (asked_for("no memory")) throw Error(ErrorCode::kOutOfMemory, "The card has no memory left.");
  if (asked_for("unknown")) throw std::runtime_error("Something else.");
  return std::make_unique<cpu::CpuBackend>(
      cpu::CpuOptions{options.threads, options.memory_limit, options.sparse});
}

}  // namespace
}  // namespace rst

extern "C" RST_EXPORT const char* rst_backend_abi() {
  return rst::asked_for("abi") ? "0123456789abcdef" : rst::kAbi;
}
RST_EXPORT_BACKEND(rst::list, rst::make)
