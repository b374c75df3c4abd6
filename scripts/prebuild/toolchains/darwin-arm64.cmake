set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(RST_TARGET aarch64-macos.11.0-none)
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
