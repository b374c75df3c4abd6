#include "bindings/tensor_functions.h"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "bindings/environment.h"

namespace rst::bindings {

Napi::Value ops(Napi::Env env) {
  const std::vector<OpRow>& table = op_table();
  Napi::Array result = Napi::Array::New(env, table.size());
  for (uint32_t i = 0; i < table.size(); ++i) {
    const OpRow& row = table[i];
    Napi::Array inputs = Napi::Array::New(env, row.inputs.size());
    for (uint32_t k = 0; k < row.inputs.size(); ++k) {
      Napi::Object input = Napi::Object::New(env);
      input.Set("name", row.inputs[k].name);
      input.Set("dtype", dtype_name(row.inputs[k].dtype));
      input.Set("optional", Napi::Boolean::New(env, row.inputs[k].optional));
      input.Set("mutated", Napi::Boolean::New(env, row.inputs[k].mutated));
      inputs.Set(k, input);
    }
    Napi::Array attributes = Napi::Array::New(env, row.attributes.size());
    for (uint32_t k = 0; k < row.attributes.size(); ++k) {
      const AttributeSpec& attribute_spec = row.attributes[k];
      Napi::Object attribute = Napi::Object::New(env);
      attribute.Set("name", attribute_spec.name);
      if (!attribute_spec.words.empty()) {
        Napi::Array words = Napi::Array::New(env, attribute_spec.words.size());
        for (uint32_t w = 0; w < attribute_spec.words.size(); ++w) words.Set(w, attribute_spec.words[w]);
        attribute.Set("words", words);
      }
      attributes.Set(k, attribute);
    }
    Napi::Object op = Napi::Object::New(env);
    op.Set("name", row.name);
    op.Set("inputs", inputs);
    op.Set("attributes", attributes);
    op.Set("contract", row.contract);
    result.Set(i, op);
  }
  return result;
}

AttributeValue attribute_value(const Napi::Object& attributes, const AttributeSpec& spec) {
  if (spec.words.empty()) return field<Numbers>(attributes, spec.name);
  return field<std::string>(attributes, spec.name);
}

Napi::Value run(Napi::Env env, LiveDevice device, std::string op, Inputs inputs, Napi::Object attributes) {
  OpCall call;
  for (const AttributeSpec& spec : find_op(op).attributes) {
    if (attributes.Has(spec.name)) call.attributes.set(spec.name, attribute_value(attributes, spec));
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
