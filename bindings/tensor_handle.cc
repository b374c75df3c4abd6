#include "bindings/tensor_handle.h"

#include <utility>

#include "bindings/arguments.h"

namespace rst::bindings {
namespace {

const napi_type_tag kTensorTag = {0x7a1c5f0e2b9d4c63, 0x91e4d02f6ab83357};

}  // namespace

void drop_memory(Napi::Env env, DeviceTensor& reference) {
  Tensor& tensor = reference.tensor;
  if (!tensor.defined()) return;
  tensor.storage.reset();
  Napi::MemoryManagement::AdjustExternalMemory(env, -tensor.bytes());
}

void release_tensor(Napi::Env env, DeviceTensor& reference) {
  if (!reference.device) return;
  reference.device->remove(&reference);
  drop_memory(env, reference);
  reference.device.reset();
}

Napi::Object wrap_tensor(Napi::Env env, std::shared_ptr<OpenDevice> device, Tensor tensor) {
  const Shape shape = tensor.shape;
  const char* dtype = dtype_name(tensor.dtype);
  Napi::MemoryManagement::AdjustExternalMemory(env, tensor.bytes());
  auto* reference = new DeviceTensor{std::move(device), std::move(tensor)};
  reference->device->add(reference);
  auto external = Napi::External<DeviceTensor>::New(env, reference, [](Napi::Env env, DeviceTensor* gone) {
    release_tensor(env, *gone);
    delete gone;
  });
  external.TypeTag(&kTensorTag);

  Napi::Array dims = Napi::Array::New(env, static_cast<size_t>(shape.rank()));
  for (int i = 0; i < shape.rank(); ++i) {
    dims.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(shape[i])));
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", external);
  result.Set("shape", dims);
  result.Set("dtype", Napi::String::New(env, dtype));
  return result;
}

DeviceTensor& unwrap_tensor(const Napi::Value& value) {
  return *tagged_data<DeviceTensor>(value, kTensorTag, "a tensor handle");
}

const Tensor& live_tensor(const DeviceTensor& reference, const OpenDevice& device, const std::string& whose) {
  if (!reference.tensor.defined()) {
    throw_shape(whose +
                " expects a live tensor but received one that was disposed; return it from scope() or grad() "
                "to keep it.");
  }
  if (reference.device.get() != &device) {
    throw_shape(whose + " expects tensors of its own device but received one of another (of shape " +
                reference.tensor.shape.to_string() + ").");
  }
  return reference.tensor;
}

}  // namespace rst::bindings
