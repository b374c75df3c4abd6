#include <charconv>
#include <cstdlib>
#include <map>
#include <string>

#include "native/test/plain/plain_backend.h"

namespace rst::test {
namespace {

// Of RST_PLAIN, "name=number" separated by commas.
PlainFaults faults_asked_for() {
  PlainFaults faults;
  const std::map<std::string, int64_t*> fields{
      {"delay", &faults.delay}, {"fail", &faults.fail}, {"lose", &faults.lose}};
  const char* asked = std::getenv("RST_PLAIN");
  std::string rest = asked ? asked : "";
  while (!rest.empty()) {
    const std::string entry = rest.substr(0, rest.find(','));
    rest.erase(0, entry.size() + 1);
    const size_t equals = std::min(entry.find('='), entry.size());
    const auto field = fields.find(entry.substr(0, equals));
    int64_t number = -1;
    if (equals < entry.size()) {
      std::from_chars(entry.data() + equals + 1, entry.data() + entry.size(), number);
    }
    if (field == fields.end() || number < 0) {
      throw_argument("Expected RST_PLAIN such as delay=5,fail=1,lose=1 but received '" + entry + "'.");
    }
    *field->second = number;
  }
  return faults;
}

std::vector<PlugDevice> devices() {
  return {{"Plain, scalar code for tests", ""}};
}

std::unique_ptr<Backend> create(const BackendOptions& options) {
  return std::make_unique<PlainBackend>(options, faults_asked_for());
}

}  // namespace
}  // namespace rst::test

RST_DEFINE_BACKEND(rst::test::devices, rst::test::create)

extern "C" RST_EXPORT rst::test::PlainControls* rst_plain_controls(rst::Backend* backend) {
  return dynamic_cast<rst::test::PlainBackend*>(backend);
}
