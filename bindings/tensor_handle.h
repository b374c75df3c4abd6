// A JS value that owns one reference to a tensor.
#pragma once

#include <napi.h>

#include "native/core/tensor.h"

namespace rst::bindings {

// Wraps a tensor and tells V8 its size, so that a forgotten handle still makes the collector run.
Napi::Object wrap_tensor(Napi::Env env, Tensor tensor);

// The tensor behind a handle; throws Error(kShape) for one that was released, Error(kArgument) for other
// values.
const Tensor& unwrap_tensor(const Napi::Value& value);

// Gives up the handle's reference now; releasing twice is allowed.
void release_tensor(const Napi::Value& value);

}  // namespace rst::bindings
