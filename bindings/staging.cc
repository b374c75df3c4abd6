#include "bindings/staging.h"

#include <cstring>
#include <utility>

namespace rst::bindings {
namespace {

const napi_type_tag kStagingTag = {0x51e8b7d40c9f2a36, 0xb30d6c4fa8715e92};

}  // namespace

Staging* Argument<Staging*>::from(const Napi::Value& value) {
  return tagged_data<Staging>(value, kStagingTag, "a staging handle");
}

Napi::Value stage(Napi::Env env, Shape shape, DType dtype) {
  auto staging = std::make_unique<Staging>();
  staging->shape = shape;
  staging->dtype = dtype;
  staging->size = static_cast<size_t>(shape.elements() * dtype_bytes(dtype));
  staging->memory.reset(new uint8_t[staging->size]);
  auto external =
      Napi::External<Staging>::New(env, staging.release(), [](Napi::Env, Staging* gone) { delete gone; });
  external.TypeTag(&kStagingTag);
  return external;
}

Napi::Value append(Napi::Env env, Staging* staging, Bytes bytes) {
  if (!staging->memory || bytes.size > staging->size - staging->filled) {
    throw_shape("Expected at most " + std::to_string(staging->memory ? staging->size - staging->filled : 0) +
                " more bytes for the shape " + staging->shape.to_string() + " but received " +
                std::to_string(bytes.size) + ".");
  }
  if (bytes.size > 0) std::memcpy(staging->memory.get() + staging->filled, bytes.data, bytes.size);
  staging->filled += bytes.size;
  return env.Undefined();
}

Napi::Value upload_staged(Napi::Env env, LiveDevice device, Staging* staging) {
  if (!staging->memory || staging->filled != staging->size) {
    throw_shape("Expected " + std::to_string(staging->size) + " bytes for the shape " +
                staging->shape.to_string() + " but received " +
                std::to_string(staging->memory ? staging->filled : 0) + ".");
  }
  const auto memory = std::exchange(staging->memory, nullptr);
  return wrap_tensor(env, device.shared,
                     device->upload(staging->shape, staging->dtype, memory.get(), memory));
}

}  // namespace rst::bindings
