#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing, builds compare_losses and runs it: which loss for this table? The report goes to build/demo/report.
#
#   sh cmake/demo.sh                                      the shipped tables: iris, telephone, stackloss
#   sh cmake/demo.sh table.csv target_column              your table; --help shows the options that may follow
#   sh cmake/demo.sh robust_regression [table.csv [column]]    another example, such as train_iris; plots go to build/demo

set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$root/build/demo

sh "$root/cmake/setup.sh" demo

program=compare_losses
if [ $# -gt 0 ] && [ -e "$root/examples/$1.cpp" ]; then
  program=$1
  shift
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
quietly cmake --build "$build" --parallel "$jobs" --target "$program"

if [ "$program" = compare_losses ]; then
  COMPARE_LOSSES_OUT=${COMPARE_LOSSES_OUT-$build/report} "$build/examples/compare_losses" "$@"
else
  "$build/examples/$program" --out "$build" "$@"
fi
