# GCC compiles, since its sparse kernels are faster than clang's. Zig links the libraries (GCC the programs, which are
# tests): it has the symbols of each glibc, so that what comes out runs from RST_GLIBC on. libstdc++ is linked in and hidden;
# libgcc_s is not: Node needs it as well, and the unwinder of GCC's static library asks for symbols of the glibc that GCC
# was built with.
set(RST_GLIBC 2.28)
set(CMAKE_SYSTEM_NAME Linux)
set(RST_EXTRA_SOURCES ${CMAKE_CURRENT_LIST_DIR}/old_glibc.cc)

foreach(part libstdc++.a libgcc_s.so.1 libgcc.a)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${part} OUTPUT_VARIABLE path
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(APPEND RST_RUNTIME " ${path}")
endforeach()
string(CONCAT RST_LINK "$ENV{ZIG} cc -target ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu.${RST_GLIBC}"
                       " -Wl,--gc-sections -Wl,--build-id=none -s -o <TARGET>")
set(RST_LINKED "<LINK_FLAGS> <OBJECTS> <LINK_LIBRARIES> ${RST_RUNTIME} -lm")
foreach(kind LIBRARY MODULE)
  set(CMAKE_CXX_CREATE_SHARED_${kind}
      "${RST_LINK} -shared -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map ${RST_LINKED}")
endforeach()
