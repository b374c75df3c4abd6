// The functions that src/native calls: make a device, put tensors on it, run ops by name, read results.

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/errors.h"
#include "bindings/reader.h"
#include "bindings/tensor_handle.h"
#include "native/core/device.h"
#include "native/cpu/cpu_backend.h"

namespace rst::bindings {
namespace {

using DeviceHandle = std::shared_ptr<Device>;

const DeviceHandle& device_of(const Napi::Value& value) {
  if (!value.IsExternal()) throw_argument("Expected a device handle but received another value.");
  return *value.As<Napi::External<DeviceHandle>>().Data();
}

double number_or(const Napi::Object& options, const char* name, double fallback) {
  const Napi::Value value = options.Get(name);
  return value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : fallback;
}

bool flag_or(const Napi::Object& options, const char* name, bool fallback) {
  const Napi::Value value = options.Get(name);
  return value.IsBoolean() ? value.As<Napi::Boolean>().Value() : fallback;
}

const char* kernel_name(ConvKernel kernel) {
  switch (kernel) {
    case ConvKernel::kSparse:
      return "sparse";
    case ConvKernel::kWinograd:
      return "winograd";
    case ConvKernel::kDirect:
      break;
  }
  return "direct";
}

DType dtype_of(const std::string& name) {
  for (DType dtype : {DType::kF32, DType::kI32, DType::kU8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  throw_argument("Expected one of f32, i32, u8 for the dtype but received '" + name + "'.");
}

std::vector<double> numbers_of(const Napi::Value& value) {
  if (value.IsNumber()) return {value.As<Napi::Number>().DoubleValue()};
  if (value.IsBoolean()) return {value.As<Napi::Boolean>().Value() ? 1.0 : 0.0};
  std::vector<double> numbers;
  if (value.IsArray()) {
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(array.Get(i).ToNumber().DoubleValue());
  }
  return numbers;
}

Napi::Value create_cpu_device(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const auto options = info[0].As<Napi::Object>();
    cpu::CpuOptions cpu;
    cpu.threads = static_cast<int>(number_or(options, "threads", 1));
    cpu.memory_limit = static_cast<int64_t>(number_or(options, "memoryLimit", 0));
    cpu.sparse = flag_or(options, "sparse", true);
    auto device = std::make_shared<Device>(std::make_unique<cpu::CpuBackend>(cpu));
    info.Env().GetInstanceData<Reader>()->watch(device);
    return Napi::External<DeviceHandle>::New(info.Env(), new DeviceHandle(std::move(device)),
                                             [](Napi::Env, DeviceHandle* handle) { delete handle; });
  });
}

Napi::Value describe(const Napi::CallbackInfo& info) {
  return guarded(info,
                 [&] { return Napi::String::New(info.Env(), device_of(info[0])->backend().description()); });
}

Napi::Value simd_target(const Napi::CallbackInfo& info) {
  return guarded(info,
                 [&] { return Napi::String::New(info.Env(), device_of(info[0])->backend().simd_target()); });
}

Napi::Value conv_cost_model(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const ConvCostModel model = device_of(info[0])->backend().conv_cost_model();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("winograd", model.sparse_below_winograd);
    result.Set("direct", model.sparse_below_direct);
    return result;
  });
}

// convKernels(device, x: number[], w: number[], {stride, padding}, density) → {forward, inputGradient}
Napi::Value conv_kernels(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const auto options = info[3].As<Napi::Object>();
    Attributes attributes;
    attributes.set("x", numbers_of(info[1]));
    attributes.set("w", numbers_of(info[2]));
    for (const char* name : {"stride", "padding"}) attributes.set(name, numbers_of(options.Get(name)));
    const ConvParams params{attributes.integer("stride", 1), attributes.integer("padding")};
    const ConvKernels kernels = device_of(info[0])->backend().conv_kernels(
        attributes.shape("x"), attributes.shape("w"), params, info[4].ToNumber());
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("forward", kernel_name(kernels.forward));
    result.Set("inputGradient", kernel_name(kernels.input_grad));
    return result;
  });
}

Napi::Value weight_compile_seconds(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    return Napi::Number::New(info.Env(), device_of(info[0])->backend().weight_compile_seconds());
  });
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const MemoryStats stats = device_of(info[0])->backend().memory();
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("inUse", static_cast<double>(stats.in_use));
    result.Set("cached", static_cast<double>(stats.cached));
    result.Set("peak", static_cast<double>(stats.peak));
    result.Set("limit", static_cast<double>(stats.limit));
    return result;
  });
}

Napi::Value clear_cache(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    device_of(info[0])->backend().release_cached();
    return info.Env().Undefined();
  });
}

Napi::Value reset_peak(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    device_of(info[0])->backend().reset_peak();
    return info.Env().Undefined();
  });
}

Napi::Value pending(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(device_of(info[0])->stream().pending()));
  });
}

// run(device, op, handles: (handle | null)[], attributes) → ({handle, shape, dtype} | null)[]
Napi::Value run(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const DeviceHandle& device = device_of(info[0]);
    const std::string name = info[1].As<Napi::String>();
    const auto handles = info[2].As<Napi::Array>();
    const auto attributes = info[3].As<Napi::Object>();
    OpCall call;
    for (uint32_t i = 0; i < handles.Length(); ++i) {
      const Napi::Value handle = handles.Get(i);
      call.inputs.push_back(handle.IsNull() || handle.IsUndefined() ? Tensor{} : unwrap_tensor(handle));
    }
    for (const char* attribute : find_op(name).attributes) {
      if (attributes.Has(attribute)) call.attributes.set(attribute, numbers_of(attributes.Get(attribute)));
    }
    const std::vector<Tensor> outputs = device->run(name, std::move(call));
    Napi::Array result = Napi::Array::New(info.Env(), outputs.size());
    for (uint32_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].defined()) {
        result.Set(i, wrap_tensor(info.Env(), device, outputs[i]));
      } else {
        result.Set(i, info.Env().Null());
      }
    }
    return result;
  });
}

// upload(device, shape, dtype, bytes: Uint8Array) → {handle, shape, dtype}. The bytes are copied at once.
Napi::Value upload(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const DeviceHandle& device = device_of(info[0]);
    Attributes dims;
    dims.set("shape", numbers_of(info[1]));
    const Shape shape = dims.shape("shape");
    const DType dtype = dtype_of(info[2].As<Napi::String>());
    const auto bytes = info[3].As<Napi::Uint8Array>();
    const int64_t expected = shape.elements() * dtype_bytes(dtype);
    if (static_cast<int64_t>(bytes.ByteLength()) != expected) {
      throw_shape("Expected " + std::to_string(expected) + " bytes for the shape " + shape.to_string() +
                  " but received " + std::to_string(bytes.ByteLength()) + ".");
    }
    auto copy = std::make_shared<std::vector<uint8_t>>(bytes.Data(), bytes.Data() + bytes.ByteLength());
    const void* data = copy->data();
    return wrap_tensor(info.Env(), device, device->upload(shape, dtype, data, std::move(copy)));
  });
}

Napi::Value release(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    release_tensor(info[0]);
    return info.Env().Undefined();
  });
}

// read(device, handle) → Promise<ArrayBuffer>
Napi::Value read(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    return info.Env().GetInstanceData<Reader>()->read(info.Env(), device_of(info[0]), unwrap_tensor(info[1]));
  });
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    return info.Env().GetInstanceData<Reader>()->synchronize(info.Env(), device_of(info[0]));
  });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Reader(env));
  exports.Set("createCpuDevice", Napi::Function::New(env, create_cpu_device));
  exports.Set("describe", Napi::Function::New(env, describe));
  exports.Set("simdTarget", Napi::Function::New(env, simd_target));
  exports.Set("convCostModel", Napi::Function::New(env, conv_cost_model));
  exports.Set("convKernels", Napi::Function::New(env, conv_kernels));
  exports.Set("weightCompileSeconds", Napi::Function::New(env, weight_compile_seconds));
  exports.Set("memory", Napi::Function::New(env, memory));
  exports.Set("clearCache", Napi::Function::New(env, clear_cache));
  exports.Set("resetPeak", Napi::Function::New(env, reset_peak));
  exports.Set("pending", Napi::Function::New(env, pending));
  exports.Set("run", Napi::Function::New(env, run));
  exports.Set("upload", Napi::Function::New(env, upload));
  exports.Set("release", Napi::Function::New(env, release));
  exports.Set("read", Napi::Function::New(env, read));
  exports.Set("synchronize", Napi::Function::New(env, synchronize));
  return exports;
}

NODE_API_MODULE(rst_native, init)

}  // namespace
}  // namespace rst::bindings
