#include "bindings/backend_functions.h"

#include <map>
#include <mutex>
#include <vector>

#include "native/runtime/plugs.h"

namespace rst::bindings {
namespace {

// Of the process: a library is tried once, whichever worker asks first.
struct Verdicts {
  std::mutex mutex;
  std::map<std::string, std::string> by_library;
};

Verdicts& verdicts() {
  static auto& all = *new Verdicts;
  return all;
}

}  // namespace

Napi::Value backend_devices(Napi::Env env, std::string library) {
  const std::vector<PlugDevice> devices = open_plug(library).devices();
  Napi::Array result = Napi::Array::New(env, devices.size());
  for (uint32_t i = 0; i < devices.size(); ++i) {
    Napi::Object device = Napi::Object::New(env);
    device.Set("description", devices[i].description);
    device.Set("problem", devices[i].problem);
    result.Set(i, device);
  }
  return result;
}

Napi::Value backend_path(Napi::Env env, std::string name) {
  return Napi::String::New(env, plug_path(name));
}

Napi::Value backend_verdict(Napi::Env env, std::string library) {
  std::lock_guard lock(verdicts().mutex);
  const auto it = verdicts().by_library.find(library);
  return it == verdicts().by_library.end() ? env.Null()
                                           : Napi::String::New(env, it->second).As<Napi::Value>();
}

Napi::Value keep_backend_verdict(Napi::Env env, std::string library, std::string verdict) {
  std::lock_guard lock(verdicts().mutex);
  verdicts().by_library[library] = verdict;
  return env.Undefined();
}

}  // namespace rst::bindings
