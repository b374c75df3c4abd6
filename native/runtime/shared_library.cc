#include "native/runtime/shared_library.h"

#ifdef _WIN32
#define NOMINMAX
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <vector>
#else
#include <dlfcn.h>
#endif

#include <filesystem>
#include <system_error>

#include "native/core/error.h"

namespace rst {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_refused(const std::string& path, const std::string& reason) {
  throw Error(ErrorCode::kDevice, "The library " + path + " could not be opened: " + reason + ".");
}

#ifdef _WIN32

fs::path from_utf8(const std::string& path) {
  return fs::path(std::u8string(path.begin(), path.end()));
}

std::string to_utf8(const fs::path& path) {
  const std::u8string text = path.u8string();
  return {text.begin(), text.end()};
}

std::string last_error() {
  const DWORD code = GetLastError();
  char text[512] = "";
  DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, code, 0,
                                text, sizeof text, nullptr);
  while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r' || text[length - 1] == '.'))
    --length;
  return length > 0 ? std::string(text, length) : "error " + std::to_string(code);
}

fs::path this_code() {
  HMODULE module = nullptr;
  if (!GetModuleHandleExW(
          GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
          reinterpret_cast<LPCWSTR>(&this_code), &module)) {
    return {};
  }
  // The call tells a path that was cut off by filling the buffer.
  std::vector<wchar_t> buffer(MAX_PATH);
  for (;;) {
    const DWORD length = GetModuleFileNameW(module, buffer.data(), static_cast<DWORD>(buffer.size()));
    if (length == 0) return {};
    if (length < buffer.size()) return fs::path(buffer.data(), buffer.data() + length);
    buffer.resize(buffer.size() * 2);
  }
}

#else

fs::path from_utf8(const std::string& path) {
  return path;
}

std::string to_utf8(const fs::path& path) {
  return path.string();
}

fs::path this_code() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&this_code), &info) == 0 || info.dli_fname == nullptr) return {};
  return info.dli_fname;
}

#endif

}  // namespace

std::string library_name(const std::string& backend) {
#if defined(_WIN32)
  return "rst_" + backend + ".dll";
#elif defined(__APPLE__)
  return "librst_" + backend + ".dylib";
#else
  return "librst_" + backend + ".so";
#endif
}

std::string beside_this_code(const std::string& file) {
  std::error_code ignored;
  // A program is known by the path it was started by.
  const fs::path code = fs::weakly_canonical(this_code(), ignored);
  return to_utf8(code.parent_path() / from_utf8(file));
}

SharedLibrary::SharedLibrary(const std::string& path) {
#ifdef _WIN32
  // With its own folder for the libraries that it needs. No box on the screen where one is missing.
  DWORD mode = 0;
  SetThreadErrorMode(SEM_FAILCRITICALERRORS, &mode);
  handle_ = LoadLibraryExW(from_utf8(path).c_str(), nullptr,
                           LOAD_LIBRARY_SEARCH_DEFAULT_DIRS | LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR);
  const std::string reason = handle_ ? "" : last_error();
  SetThreadErrorMode(mode, nullptr);
  if (!handle_) throw_refused(path, reason);
#else
  handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_) {
    const char* reason = dlerror();
    throw_refused(path, reason ? reason : "the system gives no reason");
  }
#endif
}

void* SharedLibrary::address(const char* symbol) const {
#ifdef _WIN32
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle_), symbol));
#else
  return dlsym(handle_, symbol);
#endif
}

}  // namespace rst
