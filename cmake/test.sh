#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds the tests as a release and runs them all.

set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

sh cmake/setup.sh test

jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# Presets of this version need CMake 3.25; with an older one, the same by hand.
if cmake --list-presets >/dev/null 2>&1; then
  cmake --preset release
else
  cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DLOSSES_BUILD_TESTS=ON -DLOSSES_BUILD_EXAMPLES=ON \
    -DLOSSES_BUILD_BENCHMARKS=OFF
fi
cmake --build build/release --parallel "$jobs"
ctest --test-dir build/release --output-on-failure --no-tests=error --parallel "$jobs"
