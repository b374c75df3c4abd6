# clang with the headers and libraries of each system, as Zig brings them; libc++ is linked in.
set(CMAKE_CXX_COMPILER "$ENV{ZIG};c++;-target;${RST_TARGET}")
foreach(kind SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT "-s ${RST_LIBRARY_FLAGS}")
endforeach()
