// An op's numbers and words, by name.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "native/core/shape.h"

namespace rst {

// A list of numbers, or a word. Seeds and sizes are exact up to 2^53.
struct AttributeValue {
  std::vector<double> numbers;
  std::string word;  // not empty: the value is this word

  AttributeValue() = default;
  AttributeValue(std::initializer_list<double> list) : numbers(list) {}
  AttributeValue(std::vector<double> list) : numbers(std::move(list)) {}
  AttributeValue(const char* text) : word(text) {}
  AttributeValue(std::string text) : word(std::move(text)) {}
  bool operator==(const AttributeValue&) const = default;
};

// The words that an attribute may be, in the order of the enum that they stand for.
using Words = std::span<const char* const>;

class Attributes {
 public:
  void set(std::string name, AttributeValue value) { values_[std::move(name)] = std::move(value); }

  bool has(const char* name) const { return values_.count(name) > 0; }
  // Each throws Error(kArgument), which names the attribute, where it is missing or of another kind.
  const AttributeValue& find(const char* name) const;
  std::span<const double> list(const char* name) const;
  double number(const char* name) const;
  // A whole number in [low, 2^53].
  int64_t integer(const char* name, int64_t low = 0) const;
  bool flag(const char* name) const { return number(name) != 0; }
  std::vector<float> floats(const char* name) const;
  Shape shape(const char* name) const;
  // Which of the words it is.
  size_t word(const char* name, Words words) const;

 private:
  std::map<std::string, AttributeValue, std::less<>> values_;
};

}  // namespace rst
