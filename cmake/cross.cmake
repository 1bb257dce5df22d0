# SPDX-License-Identifier: MIT
# Tests for another processor, run under an emulator: the toolchain of the presets arm64, arm32 and i386.
#
#   cmake --preset arm64        Debian: g++-aarch64-linux-gnu, qemu-user      (sh cmake/setup.sh test arm64)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LOSSES_CROSS)
if(LOSSES_CROSS STREQUAL "arm32")
  set(CMAKE_SYSTEM_PROCESSOR armv7)
  set(CMAKE_CXX_COMPILER arm-linux-gnueabihf-g++)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm -L /usr/arm-linux-gnueabihf)
elseif(LOSSES_CROSS STREQUAL "i386")
  set(CMAKE_SYSTEM_PROCESSOR i686)
  set(CMAKE_CXX_COMPILER i686-linux-gnu-g++)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-i386)
  # Statically, since under qemu 7.2 a program with the shared libc starts no thread; there is no libgomp for that. A test
  # replaces malloc, of which a static libc brings a second one.
  set(CMAKE_EXE_LINKER_FLAGS_INIT "-static -Wl,--allow-multiple-definition")
  set(CMAKE_DISABLE_FIND_PACKAGE_OpenMP TRUE)
else()
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
  set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
  set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
endif()

# Eigen and Catch2 are this machine's: headers alone.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
