#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds two examples and runs them on real data; plots go to build/demo.
#
#   sh cmake/demo.sh                                              the telephone, stack loss and iris tables
#   sh cmake/demo.sh robust_regression table.csv target_column    one program, on your table

set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$root/build/demo

sh "$root/cmake/setup.sh" demo

if [ $# -gt 0 ]; then
  programs=$1
  shift
  if [ ! -e "$root/examples/$programs.cpp" ]; then
    echo "demo: there is no example $programs" >&2
    exit 2
  fi
else
  programs='robust_regression train_iris'
fi

jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
}

echo 'Building …' >&2
quietly cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DLOSSES_BUILD_EXAMPLES=ON \
  -DLOSSES_BUILD_TESTS=OFF -DLOSSES_BUILD_BENCHMARKS=OFF
# shellcheck disable=SC2086
quietly cmake --build "$build" --parallel "$jobs" --target $programs

for program in $programs; do
  "$build/examples/$program" --out "$build" "$@"
done
