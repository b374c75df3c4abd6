# Writes a source file that defines rst::kAbi from a hash of the headers: cmake -DSOURCE=… -DOUT=… -P abi.cmake
file(GLOB headers ${SOURCE}/native/core/*.h ${SOURCE}/native/ops/*.h ${SOURCE}/native/runtime/*.h)
list(SORT headers)
set(text "")
foreach(header ${headers})
  file(SHA256 ${header} hash)
  string(APPEND text ${hash})
endforeach()
string(SHA256 hash "${text}")
string(SUBSTRING ${hash} 0 16 hash)
file(WRITE ${OUT} "#include \"native/runtime/abi.h\"

#include <version>

#if defined(_LIBCPP_VERSION)
#define RST_ABI_LIBRARY \"-libc++\"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
#define RST_ABI_LIBRARY \"-libstdc++\"
#elif defined(_MSC_VER) && defined(_DEBUG)
#define RST_ABI_LIBRARY \"-msvc-debug\"
#elif defined(_MSC_VER)
#define RST_ABI_LIBRARY \"-msvc\"
#else
#define RST_ABI_LIBRARY \"\"
#endif

namespace rst {

const char* const kAbi = \"${hash}\" RST_ABI_LIBRARY;

}  // namespace rst
")
