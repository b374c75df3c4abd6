// How long each op takes on the device under test.
#pragma once

#include <string>

namespace rst::test {

// Prints a row for each op of the table, or for that one: its inputs, the median of a few calls in µs, and
// where it ran. Throws Error(kArgument) for an unknown op.
void print_timings(const std::string& op);

}  // namespace rst::test
