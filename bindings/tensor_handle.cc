#include "bindings/tensor_handle.h"

#include <utility>

namespace rst::bindings {
namespace {

const napi_type_tag kTensorTag = {0x7a1c5f0e2b9d4c63, 0x91e4d02f6ab83357};

// Members go last first: the memory before the device it belongs to.
struct DeviceTensor {
  std::shared_ptr<Device> device;
  Tensor tensor;
};

void drop(Napi::Env env, DeviceTensor& reference) {
  Tensor& tensor = reference.tensor;
  if (!tensor.defined()) return;
  tensor.storage.reset();
  reference.device.reset();
  Napi::MemoryManagement::AdjustExternalMemory(env, -tensor.bytes());
}

DeviceTensor& reference_of(const Napi::Value& value) {
  if (!value.IsExternal()) throw_argument("Expected a tensor handle but received another value.");
  auto external = value.As<Napi::External<DeviceTensor>>();
  if (!external.CheckTypeTag(&kTensorTag))
    throw_argument("Expected a tensor handle but received another external.");
  return *external.Data();
}

}  // namespace

Napi::Object wrap_tensor(Napi::Env env, std::shared_ptr<Device> device, Tensor tensor) {
  const Shape shape = tensor.shape;
  const char* dtype = dtype_name(tensor.dtype);
  Napi::MemoryManagement::AdjustExternalMemory(env, tensor.bytes());
  auto external =
      Napi::External<DeviceTensor>::New(env, new DeviceTensor{std::move(device), std::move(tensor)},
                                        [](Napi::Env env, DeviceTensor* reference) {
                                          drop(env, *reference);
                                          delete reference;
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

const Tensor& unwrap_tensor(const Napi::Value& value) {
  const Tensor& tensor = reference_of(value).tensor;
  if (!tensor.defined()) {
    throw_shape(
        "Expected a live tensor but received one that was disposed; keep it with scope() or tape.keep().");
  }
  return tensor;
}

void release_tensor(const Napi::Value& value) {
  drop(value.Env(), reference_of(value));
}

}  // namespace rst::bindings
