// What JS may ask about backends that are libraries of their own.
#pragma once

#include <napi.h>

#include <string>

namespace rst::bindings {

// backendDevices(library) → {description, problem}[]; opens the library.
Napi::Value backend_devices(Napi::Env env, std::string library);
// backendPath(name) → where its library would lie beside the addon.
Napi::Value backend_path(Napi::Env env, std::string name);
// backendVerdict(library) → what was kept for it, in any environment of this process, or null.
Napi::Value backend_verdict(Napi::Env env, std::string library);
Napi::Value keep_backend_verdict(Napi::Env env, std::string library, std::string verdict);

}  // namespace rst::bindings
