#include "native/runtime/plugs.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "native/runtime/device.h"
#include "native/runtime/shared_library.h"

namespace rst {
namespace {

void set_environment(const char* name, const char* value) {
#ifdef _WIN32
  _putenv_s(name, value);
#else
  setenv(name, value, 1);
#endif
}

// The library fails in that way until the end of the scope.
struct Fault {
  explicit Fault(const char* fault) { set_environment("RST_FAULTY", fault); }
  ~Fault() { set_environment("RST_FAULTY", ""); }
};

// A library is opened once by its path, so each test that wants it anew takes a copy.
class Copy {
 public:
  explicit Copy(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("rst-plugs-" + std::to_string(reinterpret_cast<uintptr_t>(this)) + name)) {
    std::filesystem::copy_file(plug_path("faulty"), path_, std::filesystem::copy_options::overwrite_existing);
  }
  ~Copy() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string refusal(const std::string& path) {
  try {
    open_plug(path);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kDevice);
    return error.what();
  }
  return "none";
}

doctest::skip needs_plugs() {
  return doctest::skip(!kPlugsWork);
}

TEST_CASE("where errors cannot pass from library to library, none is opened" * doctest::skip(kPlugsWork)) {
  CHECK(
      refusal(plug_path("faulty")).find("cannot be used: this addon is built with libc++ for Linux (musl)") !=
      std::string::npos);
}

TEST_CASE("a backend's library lies beside the program, opens once, lists its devices and computes" *
          needs_plugs()) {
  const Plug& plug = open_plug(plug_path("faulty"));
  CHECK(&open_plug(plug_path("faulty")) == &plug);
  const auto devices = plug.devices();
  REQUIRE(devices.size() == 2);
  CHECK(devices[1].description == "Faulty 1");
  CHECK(devices[1].problem.empty());

  Device device(plug.create({}));
  const auto values = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3});
  const Tensor x = device.upload({3}, DType::kF32, values->data(), values);
  const Tensor y = device.run("add", OpCall{{x, x}, {}})[0];
  std::vector<float> sums(3);
  std::promise<Failure> done;
  device.download(y, sums.data(), [&](Failure failure) { done.set_value(failure); });
  CHECK_FALSE(done.get_future().get());
  CHECK(sums == std::vector<float>{2, 4, 6});
}

TEST_CASE("an error that a backend's code throws keeps its type" * needs_plugs()) {
  Device device(open_plug(plug_path("faulty")).create({.memory_limit = 1 << 10}));
  Attributes attributes;
  attributes.set("shape", {1 << 20});
  attributes.set("value", {1});
  const Tensor large = device.run("fill", OpCall{{}, attributes})[0];
  std::vector<float> values(1 << 20);
  std::promise<Failure> done;
  device.download(large, values.data(), [&](Failure failure) { done.set_value(failure); });
  const auto failure = done.get_future().get();
  REQUIRE(failure);
  CHECK(failure->code() == ErrorCode::kOutOfMemory);
}

TEST_CASE("what a backend refuses comes with its reason and type" * needs_plugs()) {
  const Plug& plug = open_plug(plug_path("faulty"));
  {
    const Fault fault("no driver");
    CHECK_THROWS_WITH_AS(plug.devices(), "There is no driver of the faulty kind.", Error);
  }
  {
    const Fault fault("first busy");
    CHECK(plug.devices()[0].problem == "Another program has it.");
  }
  {
    const Fault fault("no memory");
    try {
      plug.create({});
      FAIL("expected an error");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::kOutOfMemory);
    }
  }
  const Fault fault("unknown");
  CHECK_THROWS_WITH_AS(plug.create({}), "Something else.", Error);
}

TEST_CASE("a library of another version is refused before anything of it is used, and may be replaced" *
          needs_plugs()) {
  const Copy copy("abi.so");
  {
    const Fault fault("abi");
    const std::string reason = refusal(copy.path());
    CHECK(reason.find("was built for another version of rst-native (0123456789abcdef, not ") !=
          std::string::npos);
    CHECK(reason.find(kAbi) != std::string::npos);
  }
  CHECK(refusal(copy.path()) == "none");
}

TEST_CASE("a file that is missing or no library is refused with the loader's reason" * needs_plugs()) {
  CHECK(
      refusal("/nowhere/librst_none.so").find("The library /nowhere/librst_none.so could not be opened: ") ==
      0);
  const auto path = std::filesystem::temp_directory_path() / "rst-plugs-text.so";
  std::ofstream(path) << "no library";
  CHECK(refusal(path.string()).find("could not be opened") != std::string::npos);
  std::filesystem::remove(path);
}

TEST_CASE("a library of something else is told by what it does not export" * needs_plugs()) {
#ifdef __linux__
  CHECK(refusal("libm.so.6") ==
        "The library libm.so.6 is no backend of rst-native: it does not export rst_backend_abi.");
#endif
}

}  // namespace
}  // namespace rst
