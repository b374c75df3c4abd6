// The one place where arguments from JS are checked: a binding is a C++ function of typed parameters, and
// `bound` turns it into one that JS may call with anything.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "bindings/device_handle.h"
#include "bindings/errors.h"
#include "bindings/tensor_handle.h"

namespace rst::bindings {

// How an error names a value: "undefined", "a string".
std::string describe(const Napi::Value& value);

// The data of an External that carries this tag; throws Error(kArgument) for any other value.
template <class T>
T* tagged_data(const Napi::Value& value, const napi_type_tag& tag, const char* expected) {
  if (value.IsExternal()) {
    auto external = value.As<Napi::External<T>>();
    if (external.CheckTypeTag(&tag)) return external.Data();
  }
  throw_argument(std::string("Expected ") + expected + " but received " + describe(value) + ".");
}

// The elements of a typed array, valid during the call.
struct Bytes {
  const uint8_t* data;
  size_t size;
};
// A device that had not been disposed. Asked anew at each use: reading the arguments after it may run JS.
struct LiveDevice {
  std::shared_ptr<OpenDevice> shared;
  Device* operator->() const { return &shared->get(); }
};
// The inputs of an op; null for one that is left out.
using Inputs = std::vector<DeviceTensor*>;
using Numbers = std::vector<double>;

template <class T>
struct Argument;
template <>
struct Argument<LiveDevice> {
  static LiveDevice from(const Napi::Value& value);
};
template <>
struct Argument<std::shared_ptr<OpenDevice>> {
  static std::shared_ptr<OpenDevice> from(const Napi::Value& value) { return unwrap_device(value); }
};
template <>
struct Argument<DeviceTensor*> {
  static DeviceTensor* from(const Napi::Value& value) { return &unwrap_tensor(value); }
};
template <>
struct Argument<Inputs> {
  static Inputs from(const Napi::Value& value);
};
// A number, a boolean (0 or 1) or an array of numbers.
template <>
struct Argument<Numbers> {
  static Numbers from(const Napi::Value& value);
};
template <>
struct Argument<double> {
  static double from(const Napi::Value& value);
};
template <>
struct Argument<bool> {
  static bool from(const Napi::Value& value);
};
template <>
struct Argument<std::string> {
  static std::string from(const Napi::Value& value);
};
template <>
struct Argument<Bytes> {
  static Bytes from(const Napi::Value& value);
};
template <>
struct Argument<Shape> {
  static Shape from(const Napi::Value& value);
};
template <>
struct Argument<DType> {
  static DType from(const Napi::Value& value);
};
template <>
struct Argument<Napi::Object> {
  static Napi::Object from(const Napi::Value& value);
};

// The field of an options object; throws Error(kArgument) that names it.
template <class T>
T field(const Napi::Object& options, const char* name) {
  try {
    return Argument<T>::from(options.Get(name));
  } catch (const Error& error) {
    throw Error(error.code(), std::string(name) + ": " + error.what());
  }
}

// Converts the arguments, from the first to the last, and calls the function.
template <class... Parameters>
Napi::Value call_checked(const char* name, Napi::Value (*function)(Napi::Env, Parameters...),
                         const Napi::CallbackInfo& info) {
  if (info.Length() != sizeof...(Parameters)) {
    throw_argument(std::string(name) + " expects " + std::to_string(sizeof...(Parameters)) +
                   (sizeof...(Parameters) == 1 ? " argument" : " arguments") + " but received " +
                   std::to_string(info.Length()) + ".");
  }
  size_t position = 0;
  [[maybe_unused]] const auto convert = [&]<class T>(std::type_identity<T>) -> T {
    const size_t i = position++;
    try {
      return Argument<T>::from(info[i]);
    } catch (const Error& error) {
      throw Error(error.code(),
                  std::string(name) + ", argument " + std::to_string(i + 1) + ": " + error.what());
    }
  };
  // Braces convert in order.
  std::tuple<Parameters...> arguments{convert(std::type_identity<Parameters>{})...};
  return std::apply(
      [&](Parameters&... each) { return function(info.Env(), std::forward<Parameters>(each)...); },
      arguments);
}

// A function of the addon: its name in JS and how to call it with arguments that were not checked.
struct Binding {
  const char* name;
  Napi::Value (*call)(const Napi::CallbackInfo& info);
};

// JS gives the binding's name as the callback's data.
template <auto function>
Napi::Value bound(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&] { return call_checked(static_cast<const char*>(info.Data()), function, info); });
}

}  // namespace rst::bindings
