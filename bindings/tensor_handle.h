// A JS value that owns one reference to a tensor.
#pragma once

#include <napi.h>

#include <memory>

#include "native/core/device.h"

namespace rst::bindings {

// Wraps a tensor and tells V8 its size, so that a forgotten handle still makes the collector run. The handle
// keeps the device alive: the collector finalises both in any order, and the tensor's memory goes back to the
// device.
Napi::Object wrap_tensor(Napi::Env env, std::shared_ptr<Device> device, Tensor tensor);

// The tensor behind a handle; throws Error(kShape) for one that was released, Error(kArgument) for other
// values.
const Tensor& unwrap_tensor(const Napi::Value& value);

// Gives up the handle's reference now; releasing twice is allowed.
void release_tensor(const Napi::Value& value);

}  // namespace rst::bindings
