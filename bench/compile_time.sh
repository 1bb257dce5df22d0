#!/bin/sh
# SPDX-License-Identifier: MIT
# How long a user's file takes to compile with -O2, in units of #include <Eigen/Core>: the medians of seven turns, in
# processor time. Three losses may take 2.5.
#
#   [CXX=g++] sh bench/compile_time.sh [flags, as -I/path/to/eigen3]

set -eu

sources=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
include=$(dirname -- "$sources")/include
CXX=${CXX:-c++}
names='eigen_core include_only one_loss three_losses'
turns=${TURNS:-7}

if [ $# -eq 0 ] && command -v pkg-config >/dev/null 2>&1; then
  # shellcheck disable=SC2046 # several flags
  set -- $(pkg-config --cflags eigen3)
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The user and system time of the children of a shell that only compiles: the second line that times prints.
seconds_to_compile() {
  name=$1
  shift
  (
    "$CXX" -std=c++20 -O2 -I"$include" "$@" -c "$sources/compile_time/$name.cpp" -o "$work/$name.o" || exit
    times
  ) >"$work/times"
  awk 'NR == 2 { split($1, user, "m"); split($2, kernel, "m"); print 60 * (user[1] + kernel[1]) + user[2] + kernel[2] }' \
    "$work/times"
}

turn=0
while [ "$turn" -lt "$turns" ]; do
  for name in $names; do
    seconds_to_compile "$name" "$@" >>"$work/$name.seconds"
  done
  turn=$((turn + 1))
done

"$CXX" --version | head -n 1
for name in $names; do
  echo "$name $(sort -n "$work/$name.seconds" | sed -n "$((turns / 2 + 1))p")"
done | awk '
  NR == 1 { unit = $2 }
  { printf "%-14s %6.2f s   %.2f x Eigen/Core%s\n", $1, $2, $2 / unit, $1 == "three_losses" ? "   (must be at most 2.5)" : "" }
  $1 == "three_losses" { missed = ($2 > 2.5 * unit) }
  END { exit missed }'
