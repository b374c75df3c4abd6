#include "bindings/tensor_functions.h"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "bindings/environment.h"

namespace rst::bindings {

Napi::Value ops(Napi::Env env) {
  const std::vector<OpSpec>& table = op_table();
  Napi::Array result = Napi::Array::New(env, table.size());
  for (uint32_t i = 0; i < table.size(); ++i) {
    const OpSpec& spec = table[i];
    Napi::Array inputs = Napi::Array::New(env, spec.inputs.size());
    for (uint32_t k = 0; k < spec.inputs.size(); ++k) {
      Napi::Object input = Napi::Object::New(env);
      input.Set("name", spec.inputs[k].name);
      input.Set("dtype", dtype_name(spec.inputs[k].dtype));
      input.Set("optional", Napi::Boolean::New(env, spec.inputs[k].optional));
      input.Set("mutated", Napi::Boolean::New(env, spec.inputs[k].mutated));
      inputs.Set(k, input);
    }
    Napi::Array attributes = Napi::Array::New(env, spec.attributes.size());
    for (uint32_t k = 0; k < spec.attributes.size(); ++k) attributes.Set(k, spec.attributes[k]);
    Napi::Object op = Napi::Object::New(env);
    op.Set("name", spec.name);
    op.Set("inputs", inputs);
    op.Set("attributes", attributes);
    result.Set(i, op);
  }
  return result;
}

Napi::Value run(Napi::Env env, LiveDevice device, std::string op, Inputs inputs, Napi::Object attributes) {
  OpCall call;
  for (const char* name : find_op(op).attributes) {
    if (attributes.Has(name)) call.attributes.set(name, field<Numbers>(attributes, name));
  }
  for (const DeviceTensor* input : inputs) {
    call.inputs.push_back(input ? live_tensor(*input, *device.shared, op) : Tensor{});
  }
  const std::vector<Tensor> outputs = device->run(op, std::move(call));
  Napi::Array result = Napi::Array::New(env, outputs.size());
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].defined()) {
      result.Set(i, wrap_tensor(env, device.shared, outputs[i]));
    } else {
      result.Set(i, env.Null());
    }
  }
  return result;
}

Napi::Value upload(Napi::Env env, LiveDevice device, Shape shape, DType dtype, Bytes bytes) {
  const int64_t expected = shape.elements() * dtype_bytes(dtype);
  if (static_cast<int64_t>(bytes.size) != expected) {
    throw_shape("Expected " + std::to_string(expected) + " bytes for the shape " + shape.to_string() +
                " but received " + std::to_string(bytes.size) + ".");
  }
  const std::shared_ptr<uint8_t[]> copy(new uint8_t[bytes.size]);
  if (bytes.size > 0) std::memcpy(copy.get(), bytes.data, bytes.size);
  return wrap_tensor(env, device.shared, device->upload(shape, dtype, copy.get(), copy));
}

Napi::Value release(Napi::Env env, DeviceTensor* tensor) {
  release_tensor(env, *tensor);
  return env.Undefined();
}

Napi::Value read(Napi::Env env, LiveDevice device, DeviceTensor* tensor) {
  return Environment::of(env).read(env, device.shared, live_tensor(*tensor, *device.shared, "data"));
}

}  // namespace rst::bindings
