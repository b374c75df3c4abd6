// The functions that src/native calls. Each is a row here; `bound` checks its arguments.

#include <napi.h>

#include "bindings/arguments.h"
#include "bindings/backend_functions.h"
#include "bindings/device_functions.h"
#include "bindings/environment.h"
#include "bindings/recording_functions.h"
#include "bindings/staging.h"
#include "bindings/tensor_functions.h"

namespace rst::bindings {
namespace {

const Binding bindings[] = {
    {"createDevice", bound<create_device>},
    {"disposeDevice", bound<dispose_device>},
    {"describe", bound<describe_device>},
    {"facts", bound<facts>},
    {"supports", bound<supports>},
    {"fallbacks", bound<fallbacks>},
    {"convKernels", bound<conv_kernels>},
    {"memory", bound<memory>},
    {"clearCache", bound<clear_cache>},
    {"resetPeak", bound<reset_peak>},
    {"pending", bound<pending>},
    {"synchronize", bound<synchronize>},
    {"backendDevices", bound<backend_devices>},
    {"backendPath", bound<backend_path>},
    {"backendVerdict", bound<backend_verdict>},
    {"keepBackendVerdict", bound<keep_backend_verdict>},
    {"ops", bound<ops>},
    {"run", bound<run>},
    {"upload", bound<upload>},
    {"stage", bound<stage>},
    {"append", bound<append>},
    {"uploadStaged", bound<upload_staged>},
    {"beginRecording", bound<begin_recording>},
    {"endRecording", bound<end_recording>},
    {"cancelRecording", bound<cancel_recording>},
    {"setRecorded", bound<set_recorded>},
    {"replay", bound<replay>},
    {"releaseRecording", bound<release_recording>},
    {"release", bound<release>},
    {"read", bound<read>},
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  for (const Binding& binding : bindings) {
    exports.Set(binding.name,
                Napi::Function::New(env, binding.call, binding.name, const_cast<char*>(binding.name)));
  }
  return exports;
}

NODE_API_MODULE(rst_native, init)

}  // namespace
}  // namespace rst::bindings
