#include "bindings/device_functions.h"

#include <memory>
#include <utility>
#include <variant>

#include "bindings/environment.h"
#include "native/cpu/cpu_backend.h"
#include "native/runtime/plugs.h"

namespace rst::bindings {
namespace {

double ranged(const Napi::Object& options, const char* name, double low, double high) {
  const double value = field<double>(options, name);
  if (!(value >= low && value <= high)) {
    throw_argument("Expected a number from " + std::to_string(low) + " to " + std::to_string(high) + " for " +
                   name + " but received " + std::to_string(value) + ".");
  }
  return value;
}

}  // namespace

Napi::Value create_device(Napi::Env env, Napi::Object options) {
  const auto library = field<std::string>(options, "library");
  BackendOptions given;
  given.index = static_cast<int>(ranged(options, "index", 0, 1023));
  given.threads = static_cast<int>(ranged(options, "threads", 1, 1024));
  given.memory_limit = static_cast<int64_t>(ranged(options, "memoryLimit", 0, 0x1p53));
  given.sparse = field<bool>(options, "sparse");
  const cpu::CpuOptions on_cpu{given.threads, given.memory_limit, given.sparse};
  const auto make_cpu = [on_cpu] { return std::make_unique<cpu::CpuBackend>(on_cpu); };
  auto device = library.empty() ? std::make_unique<Device>(make_cpu())
                                : std::make_unique<Device>(open_plug(library).create(given), make_cpu);
  return wrap_device(env, Environment::of(env).open(std::move(device)));
}

Napi::Value dispose_device(Napi::Env env, std::shared_ptr<OpenDevice> device) {
  Environment::of(env).close(env, device);
  return env.Undefined();
}

Napi::Value describe_device(Napi::Env env, LiveDevice device) {
  return Napi::String::New(env, device->backend().description());
}

Napi::Value facts(Napi::Env env, LiveDevice device) {
  Napi::Object result = Napi::Object::New(env);
  for (const Fact& fact : device->backend().facts()) {
    std::visit([&](const auto& value) { result.Set(fact.name, value); }, fact.value);
  }
  return result;
}

Napi::Value supports(Napi::Env env, LiveDevice device, std::string op) {
  return Napi::Boolean::New(env, device->backend().kernels().find(find_op(op).name) != nullptr);
}

Napi::Value fallbacks(Napi::Env env, LiveDevice device) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [op, times] : device->fallbacks()) result.Set(op, static_cast<double>(times));
  return result;
}

Napi::Value conv_kernels(Napi::Env env, LiveDevice device, Shape x, Shape w, Napi::Object options,
                         double density) {
  Attributes attributes;
  for (const char* name : {"stride", "padding"}) attributes.set(name, field<Numbers>(options, name));
  const ConvParams params{attributes.integer("stride", 1), attributes.integer("padding")};
  const ConvKernels kernels = device->backend().conv_kernels(x, w, params, density);
  Napi::Object result = Napi::Object::New(env);
  result.Set("forward", kernels.forward);
  result.Set("inputGradient", kernels.input_grad);
  return result;
}

Napi::Value memory(Napi::Env env, LiveDevice device) {
  const MemoryStats stats = device->backend().memory();
  Napi::Object result = Napi::Object::New(env);
  result.Set("inUse", static_cast<double>(stats.in_use));
  result.Set("cached", static_cast<double>(stats.cached));
  result.Set("peak", static_cast<double>(stats.peak));
  result.Set("limit", static_cast<double>(stats.limit));
  return result;
}

Napi::Value clear_cache(Napi::Env env, LiveDevice device) {
  device->backend().release_cached();
  return env.Undefined();
}

Napi::Value reset_peak(Napi::Env env, LiveDevice device) {
  device->backend().reset_peak();
  return env.Undefined();
}

Napi::Value pending(Napi::Env env, LiveDevice device) {
  return Napi::Number::New(env, static_cast<double>(device->stream().pending()));
}

Napi::Value synchronize(Napi::Env env, LiveDevice device) {
  return Environment::of(env).synchronize(env, device.shared);
}

}  // namespace rst::bindings
