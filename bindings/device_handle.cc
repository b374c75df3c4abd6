#include "bindings/device_handle.h"

#include <utility>

#include "bindings/arguments.h"
#include "bindings/tensor_handle.h"

namespace rst::bindings {
namespace {

const napi_type_tag kDeviceTag = {0x3c5d81a7f2064be9, 0x8f17ac906e2d5b04};

}  // namespace

OpenDevice::~OpenDevice() {
  // Its tensors keep it alive, so none is left.
  if (device_) device_->stream().stop();
}

Device& OpenDevice::get() const {
  if (!device_) {
    throw Error(ErrorCode::kDevice,
                "Expected a live device but received one that was disposed; make another one.");
  }
  return *device_;
}

void OpenDevice::close(Napi::Env env) {
  if (!device_) return;
  device_->stream().stop();
  // Memory goes back to the device before it goes.
  for (std::shared_ptr<Recording>* recording : std::exchange(recordings_, {})) recording->reset();
  for (DeviceTensor* reference : std::exchange(live_, {})) drop_memory(env, *reference);
  device_.reset();
}

Napi::Value wrap_device(Napi::Env env, std::shared_ptr<OpenDevice> device) {
  using Handle = std::shared_ptr<OpenDevice>;
  auto external = Napi::External<Handle>::New(env, new Handle(std::move(device)),
                                              [](Napi::Env, Handle* handle) { delete handle; });
  external.TypeTag(&kDeviceTag);
  return external;
}

const std::shared_ptr<OpenDevice>& unwrap_device(const Napi::Value& value) {
  return *tagged_data<std::shared_ptr<OpenDevice>>(value, kDeviceTag, "a device handle");
}

}  // namespace rst::bindings
