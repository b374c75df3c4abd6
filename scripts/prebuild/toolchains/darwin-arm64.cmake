set(CMAKE_SYSTEM_NAME Darwin)
set(CMAKE_SYSTEM_PROCESSOR arm64)
set(RST_TARGET aarch64-macos.11.0-none)
# Nobody links with it, so its name says nothing of where it was built.
set(CMAKE_INSTALL_NAME_DIR "@rpath")
set(CMAKE_BUILD_WITH_INSTALL_NAME_DIR ON)
# Node brings Node-API when it loads the addon.
set(RST_LIBRARY_FLAGS "-Wl,-undefined,dynamic_lookup")
include(${CMAKE_CURRENT_LIST_DIR}/zig.cmake)
