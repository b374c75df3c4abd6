// From the core's typed errors to JS errors that carry the kind; src/native turns them into the public
// classes.
#pragma once

#include <napi.h>

#include <new>

#include "native/core/error.h"

namespace rst::bindings {

inline const char* kind_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kShape:
      return "shape";
    case ErrorCode::kDevice:
      return "device";
    case ErrorCode::kOutOfMemory:
      return "memory";
    case ErrorCode::kArgument:
      return "argument";
    case ErrorCode::kInternal:
      break;
  }
  return "internal";
}

inline Napi::Error to_js(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.what());
  js.Set("kind", Napi::String::New(env, kind_of(error.code())));
  return js;
}

// Runs a binding so that no C++ exception leaves it but as a JS error.
template <class Body>
Napi::Value guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Error& error) {
    throw to_js(env, error);
  } catch (const std::bad_alloc&) {
    throw to_js(env, Error(ErrorCode::kOutOfMemory,
                           "The system has no memory left; use a smaller batch size or width."));
  } catch (const std::exception& error) {
    throw to_js(env, Error(ErrorCode::kInternal, error.what()));
  }
}

}  // namespace rst::bindings
