// The ops that the plain backend has: those with a plain twin in double precision (native/test/reference.h).
#pragma once

#include "native/runtime/kernel_table.h"

namespace rst::test {

const KernelTable& plain_kernels();

}  // namespace rst::test
