#include "bindings/recording_functions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "bindings/tensor_functions.h"

namespace rst::bindings {
namespace {

const napi_type_tag kRecordingTag = {0x51e07ad94c3b8f26, 0xb4926c1fd7a5e830};

std::vector<Tensor> live_tensors(const Inputs& references, const OpenDevice& device, const char* whose) {
  std::vector<Tensor> tensors;
  for (const DeviceTensor* reference : references) {
    if (!reference) throw_argument(std::string(whose) + " expects tensors but received none.");
    tensors.push_back(live_tensor(*reference, device, whose));
  }
  return tensors;
}

Recording& live_recording(const DeviceRecording& reference) {
  if (reference.recording) return *reference.recording;
  if (reference.device) reference.device->get();  // throws where it was disposed
  throw_argument("Expected a live recording but received one that was disposed; record the body again.");
}

void release(DeviceRecording& reference) {
  if (!reference.device) return;
  reference.device->remove(&reference.recording);
  reference.recording.reset();
  reference.device.reset();
}

}  // namespace

DeviceRecording* Argument<DeviceRecording*>::from(const Napi::Value& value) {
  return tagged_data<DeviceRecording>(value, kRecordingTag, "a recording");
}

Napi::Value begin_recording(Napi::Env env, LiveDevice device, Inputs inputs) {
  device->begin_recording(live_tensors(inputs, *device.shared, "record"));
  return env.Undefined();
}

Napi::Value end_recording(Napi::Env env, LiveDevice device, Inputs outputs) {
  auto recording = device->end_recording(live_tensors(outputs, *device.shared, "record"));
  const auto calls = static_cast<double>(recording->calls().size());
  auto* reference = new DeviceRecording{device.shared, std::move(recording)};
  device.shared->add(&reference->recording);
  auto external = Napi::External<DeviceRecording>::New(env, reference, [](Napi::Env, DeviceRecording* gone) {
    release(*gone);
    delete gone;
  });
  external.TypeTag(&kRecordingTag);
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", external);
  result.Set("calls", calls);
  return result;
}

Napi::Value cancel_recording(Napi::Env env, std::shared_ptr<OpenDevice> device) {
  if (device->open()) device->get().cancel_recording();
  return env.Undefined();
}

Napi::Value set_recorded(Napi::Env env, DeviceRecording* recording, std::string op, Napi::Object attributes) {
  const OpRow& row = find_op(op);
  const Napi::Array names = attributes.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    const auto spec = std::find_if(row.attributes.begin(), row.attributes.end(),
                                   [&](const AttributeSpec& attribute) { return attribute.name == name; });
    if (spec == row.attributes.end()) throw_argument(op + " has no attribute '" + name + "'.");
    // Reading it may run JS, which may give up the recording.
    const AttributeValue value = attribute_value(attributes, *spec);
    live_recording(*recording).set(row, spec->name, value);
  }
  return env.Undefined();
}

Napi::Value replay(Napi::Env env, DeviceRecording* recording, Inputs inputs) {
  live_recording(*recording);
  const std::shared_ptr<OpenDevice> device = recording->device;
  const std::vector<Tensor> outputs =
      device->get().replay(recording->recording, live_tensors(inputs, *device, "replay"));
  Napi::Array result = Napi::Array::New(env, outputs.size());
  for (uint32_t i = 0; i < outputs.size(); ++i) result.Set(i, wrap_tensor(env, device, outputs[i]));
  return result;
}

Napi::Value release_recording(Napi::Env env, DeviceRecording* recording) {
  release(*recording);
  return env.Undefined();
}

}  // namespace rst::bindings
