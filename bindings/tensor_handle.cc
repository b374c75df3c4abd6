#include "bindings/tensor_handle.h"

#include <memory>

namespace rst::bindings {
namespace {

const napi_type_tag kTensorTag = {0x7a1c5f0e2b9d4c63, 0x91e4d02f6ab83357};

void drop(Napi::Env env, Tensor& tensor) {
  if (!tensor.defined()) return;
  tensor.storage.reset();
  Napi::MemoryManagement::AdjustExternalMemory(env, -tensor.bytes());
}

Tensor& tensor_of(const Napi::Value& value) {
  if (!value.IsExternal()) throw_argument("Expected a tensor handle but received another value.");
  auto external = value.As<Napi::External<Tensor>>();
  if (!external.CheckTypeTag(&kTensorTag))
    throw_argument("Expected a tensor handle but received another external.");
  return *external.Data();
}

}  // namespace

Napi::Object wrap_tensor(Napi::Env env, Tensor tensor) {
  const Shape shape = tensor.shape;
  const char* dtype = dtype_name(tensor.dtype);
  Napi::MemoryManagement::AdjustExternalMemory(env, tensor.bytes());
  auto external =
      Napi::External<Tensor>::New(env, new Tensor(std::move(tensor)), [](Napi::Env env, Tensor* t) {
        drop(env, *t);
        delete t;
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
  const Tensor& tensor = tensor_of(value);
  if (!tensor.defined()) {
    throw_shape(
        "Expected a live tensor but received one that was disposed; keep it with scope() or tape.keep().");
  }
  return tensor;
}

void release_tensor(const Napi::Value& value) {
  drop(value.Env(), tensor_of(value));
}

}  // namespace rst::bindings
