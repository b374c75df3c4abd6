set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(RST_TARGET x86_64-linux-musl)
set(RST_LIBRARY_FLAGS "-Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map")
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
# For musl, Zig makes programs that cannot open libraries, as the native tests do. A library with an entry point can.
set(CMAKE_CXX_LINK_EXECUTABLE "<CMAKE_CXX_COMPILER> <FLAGS> -shared ${RST_LIBRARY_FLAGS} -Wl,-e,_start -o <TARGET> <OBJECTS> \
/usr/lib/x86_64-linux-musl/Scrt1.o <LINK_LIBRARIES>")
