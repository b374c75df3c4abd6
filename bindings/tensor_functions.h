// What JS does with tensors: bring them in, run ops on them, read them, release them.
#pragma once

#include <napi.h>

#include <string>

#include "bindings/arguments.h"

namespace rst::bindings {

// ops() → {name, inputs: {name, dtype, optional, mutated}[], attributes: {name, words?}[], contract}[], the
// table of ops.
Napi::Value ops(Napi::Env env);
// The value of an attribute that is there.
AttributeValue attribute_value(const Napi::Object& attributes, const AttributeSpec& spec);
// run(device, op, handles: (handle | null)[], attributes) → ({handle, shape, dtype} | null)[]
Napi::Value run(Napi::Env env, LiveDevice device, std::string op, Inputs inputs, Napi::Object attributes);
// upload(device, shape, dtype, bytes: Uint8Array) → {handle, shape, dtype}. The bytes are copied at once.
Napi::Value upload(Napi::Env env, LiveDevice device, Shape shape, DType dtype, Bytes bytes);
Napi::Value release(Napi::Env env, DeviceTensor* tensor);
// read(device, handle) → Promise<ArrayBuffer>
Napi::Value read(Napi::Env env, LiveDevice device, DeviceTensor* tensor);

}  // namespace rst::bindings
