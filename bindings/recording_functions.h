// What JS does with recordings: make them, set their attributes, run them again, let them go.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "bindings/arguments.h"

namespace rst::bindings {

// One JS reference to a recording, which is null once it was given up. Members go last first, as those of a
// tensor's.
struct DeviceRecording {
  std::shared_ptr<OpenDevice> device;
  std::shared_ptr<Recording> recording;
};
template <>
struct Argument<DeviceRecording*> {
  static DeviceRecording* from(const Napi::Value& value);
};

// beginRecording(device, inputs: handle[])
Napi::Value begin_recording(Napi::Env env, LiveDevice device, Inputs inputs);
// endRecording(device, outputs: handle[]) → {handle, calls: number}
Napi::Value end_recording(Napi::Env env, LiveDevice device, Inputs outputs);
Napi::Value cancel_recording(Napi::Env env, std::shared_ptr<OpenDevice> device);
// setRecorded(recording, op, attributes), for the replays that follow
Napi::Value set_recorded(Napi::Env env, DeviceRecording* recording, std::string op, Napi::Object attributes);
// replay(recording, inputs: handle[]) → {handle, shape, dtype}[]
Napi::Value replay(Napi::Env env, DeviceRecording* recording, Inputs inputs);
Napi::Value release_recording(Napi::Env env, DeviceRecording* recording);

}  // namespace rst::bindings
