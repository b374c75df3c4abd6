// What JS may ask a device, apart from its tensors.
#pragma once

#include <napi.h>

#include <string>

#include "bindings/arguments.h"

namespace rst::bindings {

// createDevice({library, index, threads, memoryLimit, sparse}) → handle; of the CPU without a library.
Napi::Value create_device(Napi::Env env, Napi::Object options);
// Joins the device's threads and drops what waits; later uses fail. Doing so twice is allowed.
Napi::Value dispose_device(Napi::Env env, std::shared_ptr<OpenDevice> device);
Napi::Value describe_device(Napi::Env env, LiveDevice device);
// facts(device) → {name: number | string}, what the backend tells about itself
Napi::Value facts(Napi::Env env, LiveDevice device);
// supports(device, op) → whether its backend has a kernel for the op.
Napi::Value supports(Napi::Env env, LiveDevice device, std::string op);
// fallbacks(device) → {op: how often the CPU ran it} of the ops that the backend lacks
Napi::Value fallbacks(Napi::Env env, LiveDevice device);
// convKernels(device, x: number[], w: number[], {stride, padding}, density) → {forward, inputGradient}
Napi::Value conv_kernels(Napi::Env env, LiveDevice device, Shape x, Shape w, Napi::Object options,
                         double density);
Napi::Value memory(Napi::Env env, LiveDevice device);
Napi::Value clear_cache(Napi::Env env, LiveDevice device);
Napi::Value reset_peak(Napi::Env env, LiveDevice device);
Napi::Value pending(Napi::Env env, LiveDevice device);
Napi::Value synchronize(Napi::Env env, LiveDevice device);

}  // namespace rst::bindings
