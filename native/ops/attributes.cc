#include "native/ops/attributes.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace rst {

const AttributeValue& Attributes::find(const char* name) const {
  const auto it = values_.find(std::string_view(name));
  if (it == values_.end())
    throw_argument(std::string("Expected the attribute '") + name + "' but it is missing.");
  return it->second;
}

std::span<const double> Attributes::list(const char* name) const {
  const AttributeValue& value = find(name);
  if (!value.word.empty()) {
    throw_argument(std::string("Expected numbers for '") + name + "' but received the word '" + value.word +
                   "'.");
  }
  return value.numbers;
}

double Attributes::number(const char* name) const {
  const auto values = list(name);
  if (values.size() != 1 || std::isnan(values[0])) {
    throw_argument(std::string("Expected one number for '") + name + "' but received " +
                   (values.size() == 1 ? "NaN" : std::to_string(values.size()) + " values") + ".");
  }
  return values[0];
}

int64_t Attributes::integer(const char* name, int64_t low) const {
  const double value = number(name);
  if (value != std::floor(value) || value < static_cast<double>(low) || value > 0x1p53) {
    throw_argument(std::string("Expected a whole number of at least ") + std::to_string(low) + " for '" +
                   name + "' but received " + std::to_string(value) + ".");
  }
  return static_cast<int64_t>(value);
}

std::vector<float> Attributes::floats(const char* name) const {
  const auto values = list(name);
  return {values.begin(), values.end()};
}

Shape Attributes::shape(const char* name) const {
  std::vector<int64_t> dims;
  for (double d : list(name)) {
    if (!(d >= 0 && d <= 0x1p31) || d != std::floor(d)) {
      throw_shape(std::string("Expected whole numbers of at least 0 in '") + name + "' but received " +
                  std::to_string(d) + ".");
    }
    dims.push_back(static_cast<int64_t>(d));
  }
  return Shape(std::span<const int64_t>(dims));
}

size_t Attributes::word(const char* name, Words words) const {
  const AttributeValue& value = find(name);
  const auto it = std::find(words.begin(), words.end(), value.word);
  if (it != words.end()) return static_cast<size_t>(it - words.begin());
  std::string allowed;
  for (const char* word : words) allowed += (allowed.empty() ? "'" : ", '") + std::string(word) + "'";
  throw_argument(std::string("Expected one of ") + allowed + " for '" + name + "' but received " +
                 (value.word.empty() ? "numbers" : "'" + value.word + "'") + ".");
}

}  // namespace rst
