#!/bin/sh
# SPDX-License-Identifier: MIT
# How long a user's file takes to compile with -O2, in units of #include <Eigen/Core>, and how much code it becomes: the
# medians of seven turns, in processor time, and the bytes of the object's text. Three losses may take 2.5; "linked" is the
# same file in a target that links losses::table_float, where the losses are compiled already. Where LibTorch is installed its
# header is compiled too, in a third of the turns.
#
#   [CXX=g++] [TURNS=7] [TORCH_FLAGS=-I...] sh bench/compile_time.sh [flags, as -I/path/to/eigen3]

set -eu

sources=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
include=$(dirname -- "$sources")/include
CXX=${CXX:-c++}
names='eigen_core include_only one_loss three_losses three_losses_linked'
turns=${TURNS:-7}
TORCH_FLAGS=${TORCH_FLAGS:--isystem /usr/include/torch/csrc/api/include}

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
    "$CXX" -O2 "$@" -c "$sources/compile_time/$name.cpp" -o "$work/$name.o" || exit
    times
  ) >"$work/times"
  awk 'NR == 2 { split($1, user, "m"); split($2, kernel, "m"); print 60 * (user[1] + kernel[1]) + user[2] + kernel[2] }' \
    "$work/times"
}

turn=0
while [ "$turn" -lt "$turns" ]; do
  for name in $names; do
    seconds_to_compile "$name" -std=c++20 -I"$include" "$@" >>"$work/$name.seconds"
  done
  turn=$((turn + 1))
done

# LibTorch's headers of 2022 are C++17.
# shellcheck disable=SC2086 # several flags
if "$CXX" -std=c++17 $TORCH_FLAGS -M "$sources/compile_time/torch.cpp" >/dev/null 2>&1; then
  names="$names torch"
  turn=0
  while [ "$turn" -lt $(((turns + 2) / 3)) ]; do
    seconds_to_compile torch -std=c++17 $TORCH_FLAGS >>"$work/torch.seconds"
    turn=$((turn + 1))
  done
fi

"$CXX" --version | head -n 1
for name in $names; do
  middle=$((($(wc -l <"$work/$name.seconds") + 1) / 2))
  text=$(size "$work/$name.o" 2>/dev/null | awk 'NR == 2 { print $1 }')
  echo "$name $(sort -n "$work/$name.seconds" | sed -n "${middle}p") ${text:-?}"
done | awk '
  NR == 1 { unit = $2 }
  {
    printf "%-19s %6.2f s   %5.2f x Eigen/Core   %7s bytes of code and constants%s\n", $1, $2, $2 / unit, $3,
      $1 == "three_losses" ? "   (must be at most 2.5 x)" : ""
  }
  $1 == "three_losses" { missed = ($2 > 2.5 * unit) }
  END { exit missed }'
