#include "bindings/arguments.h"

#include "native/ops/op_table.h"

namespace rst::bindings {
namespace {

[[noreturn]] void throw_expected(const char* expected, const Napi::Value& value) {
  throw_argument(std::string("Expected ") + expected + " but received " + describe(value) + ".");
}

}  // namespace

std::string describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
      return "a number";
    case napi_string:
      return "a string";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_external:
      return "another native handle";
    case napi_bigint:
      return "a bigint";
    case napi_object:
      break;
  }
  return value.IsArray() ? "an array" : value.IsTypedArray() ? "a typed array" : "another object";
}

LiveDevice Argument<LiveDevice>::from(const Napi::Value& value) {
  const LiveDevice device{unwrap_device(value)};
  device.shared->get();
  return device;
}

Inputs Argument<Inputs>::from(const Napi::Value& value) {
  if (!value.IsArray()) throw_expected("an array of tensor handles", value);
  const auto array = value.As<Napi::Array>();
  // Far above any op's, and far below what a sparse array may claim.
  if (array.Length() > 64) throw_expected("an array of at most 64 tensor handles", value);
  Inputs inputs;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value handle = array.Get(i);
    inputs.push_back(handle.IsNull() || handle.IsUndefined() ? nullptr : &unwrap_tensor(handle));
  }
  return inputs;
}

Numbers Argument<Numbers>::from(const Napi::Value& value) {
  if (value.IsNumber()) return {value.As<Napi::Number>().DoubleValue()};
  if (value.IsBoolean()) return {value.As<Napi::Boolean>().Value() ? 1.0 : 0.0};
  if (!value.IsArray()) throw_expected("a number, a boolean or an array of numbers", value);
  const auto array = value.As<Napi::Array>();
  if (array.Length() > 4096) throw_expected("an array of at most 4096 numbers", value);
  Numbers numbers;
  for (uint32_t i = 0; i < array.Length(); ++i) numbers.push_back(Argument<double>::from(array.Get(i)));
  return numbers;
}

double Argument<double>::from(const Napi::Value& value) {
  if (!value.IsNumber()) throw_expected("a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

bool Argument<bool>::from(const Napi::Value& value) {
  if (!value.IsBoolean()) throw_expected("true or false", value);
  return value.As<Napi::Boolean>().Value();
}

std::string Argument<std::string>::from(const Napi::Value& value) {
  if (!value.IsString()) throw_expected("a string", value);
  return value.As<Napi::String>();
}

Bytes Argument<Bytes>::from(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw_expected("a Uint8Array", value);
  }
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Shape Argument<Shape>::from(const Napi::Value& value) {
  if (!value.IsArray()) throw_expected("an array of dimensions", value);
  Attributes dims;
  dims.set("shape", Argument<Numbers>::from(value));
  return dims.shape("shape");
}

DType Argument<DType>::from(const Napi::Value& value) {
  const std::string name = Argument<std::string>::from(value);
  for (DType dtype : {DType::kF32, DType::kI32, DType::kU8}) {
    if (name == dtype_name(dtype)) return dtype;
  }
  throw_argument("Expected one of f32, i32, u8 for the dtype but received '" + name + "'.");
}

Napi::Object Argument<Napi::Object>::from(const Napi::Value& value) {
  if (!value.IsObject() || value.IsFunction()) throw_expected("an object", value);
  return value.As<Napi::Object>();
}

}  // namespace rst::bindings
