// Memory that is filled in parts before it becomes a tensor, so that no single call takes long.
#pragma once

#include <napi.h>

#include <memory>

#include "bindings/arguments.h"

namespace rst::bindings {

struct Staging {
  Shape shape;
  DType dtype;
  std::shared_ptr<uint8_t[]> memory;  // none once uploaded
  size_t size = 0, filled = 0;
};
template <>
struct Argument<Staging*> {
  static Staging* from(const Napi::Value& value);
};

// stage(shape, dtype) → handle
Napi::Value stage(Napi::Env env, Shape shape, DType dtype);
// append(staging, bytes: Uint8Array): copies the next bytes.
Napi::Value append(Napi::Env env, Staging* staging, Bytes bytes);
// uploadStaged(device, staging) → {handle, shape, dtype}, once all bytes are there.
Napi::Value upload_staged(Napi::Env env, LiveDevice device, Staging* staging);

}  // namespace rst::bindings
