#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what a set of tasks needs and this machine lacks; quick and silent when nothing is missing.
#
#   sh cmake/setup.sh [build|test|clang|format|arm64|arm32|i386|bench|demo]…      (default: test, bench and demo)

set -eu

say() {
  printf 'setup: %s\n' "$*" >&2
}

fail() {
  say "$*"
  exit 1
}

have() {
  command -v "$1" >/dev/null 2>&1
}

# Is the version $1 at least $2? Both as major.minor[.patch].
at_least() {
  awk -v have="$1" -v need="$2" 'BEGIN {
    split(have, h, "."); split(need, n, ".")
    for (i = 1; i <= 3; ++i) if (h[i] + 0 != n[i] + 0) exit h[i] + 0 < n[i] + 0
  }'
}

cmake_version() {
  cmake --version 2>/dev/null | sed -n 's/^cmake version \([0-9.]*\).*/\1/p'
}

has_header() {
  for dir in /usr/include /usr/local/include /opt/homebrew/include /opt/local/include $(
    IFS=:
    for root in ${CPATH-} ${CPLUS_INCLUDE_PATH-}; do printf '%s ' "$root"; done
    for root in ${CMAKE_PREFIX_PATH-} ${HOMEBREW_PREFIX-}; do printf '%s ' "$root/include"; done
  ); do
    if [ -e "$dir/$1" ]; then
      return 0
    fi
  done
  return 1
}

# clang++ with its sanitizers' runtime, which is a package of its own.
clang_sanitizes() {
  have clang++ || return 1
  program=$(mktemp)
  status=0
  echo 'int main() {}' | clang++ -x c++ -fsanitize=address,undefined -o "$program" - >/dev/null 2>&1 || status=1
  rm -f "$program"
  return $status
}

# Is the need met? Each is named after what it gives, not after a package.
met() {
  case $1 in
    compiler) have "${CXX:-c++}" || have g++ || have clang++ ;;
    cmake) have cmake && at_least "$(cmake_version)" 3.22 ;;
    ninja) have ninja || have ninja-build ;;
    pkgconfig) have pkg-config || have pkgconf ;;
    eigen) has_header eigen3/Eigen/Core || has_header Eigen/Core ;;
    catch2) has_header catch2/catch.hpp || has_header catch2/catch_test_macros.hpp ;;
    benchmark) has_header benchmark/benchmark.h ;;
    json) has_header nlohmann/json.hpp ;;
    gnuplot) have gnuplot ;;
    cli11) has_header CLI/CLI.hpp ;;
    clang) clang_sanitizes ;;
    format) have clang-format-19 || clang-format --version 2>/dev/null | grep -Eq 'version (19|[2-9][0-9])' ;;
    arm64) have aarch64-linux-gnu-g++ && have qemu-aarch64 ;;
    arm32) have arm-linux-gnueabihf-g++ && have qemu-arm ;;
    i386) have i686-linux-gnu-g++ && have qemu-i386 ;;
  esac
}

# The package that meets a need, for the package manager in $manager.
package() {
  case $manager:$1 in
    apt:compiler) echo g++ ;;
    apt:ninja) echo ninja-build ;;
    apt:pkgconfig) echo pkg-config ;;
    apt:eigen) echo libeigen3-dev ;;
    apt:benchmark) echo libbenchmark-dev ;;
    apt:json) echo nlohmann-json3-dev ;;
    apt:gnuplot) echo gnuplot-nox ;;
    apt:cli11) echo libcli11-dev ;;
    apt:clang) echo clang libclang-rt-dev ;;
    apt:format) echo clang-format-19 ;;
    apt:arm64) echo g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
    apt:arm32) echo g++-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user ;;
    apt:i386) echo g++-i686-linux-gnu libc6-dev-i386-cross qemu-user ;;
    dnf:clang) echo clang compiler-rt ;;
    dnf:format) echo clang-tools-extra ;;
    pacman:clang) echo clang compiler-rt ;;
    pacman:format) echo clang ;;
    brew:clang) echo llvm ;;
    brew:format) echo clang-format ;;
    none:format) echo 'clang-format 19 or later' ;;
    none:clang) echo 'clang 14 or later with its sanitizer runtime' ;;
    dnf:compiler) echo gcc-c++ ;;
    dnf:ninja) echo ninja-build ;;
    dnf:pkgconfig) echo pkgconf-pkg-config ;;
    dnf:eigen) echo eigen3-devel ;;
    dnf:catch2) echo catch-devel ;;
    dnf:benchmark) echo google-benchmark-devel ;;
    dnf:json) echo json-devel ;;
    dnf:cli11) echo cli11-devel ;;
    pacman:compiler) echo gcc ;;
    pacman:pkgconfig) echo pkgconf ;;
    pacman:json) echo nlohmann-json ;;
    brew:compiler) echo gcc ;;
    brew:pkgconfig) echo pkgconf ;;
    brew:benchmark) echo google-benchmark ;;
    brew:json) echo nlohmann-json ;;
    none:compiler) echo 'a C++20 compiler (g++ 11 or clang++ 14, or later)' ;;
    none:cmake) echo 'CMake 3.22 or later' ;;
    none:ninja) echo 'Ninja' ;;
    none:pkgconfig) echo 'pkg-config' ;;
    none:eigen) echo 'Eigen 3.4 or later' ;;
    none:catch2) echo 'Catch2 2.13 or 3' ;;
    none:arm64) echo 'aarch64-linux-gnu-g++ and qemu-aarch64' ;;
    none:arm32) echo 'arm-linux-gnueabihf-g++ and qemu-arm' ;;
    none:i386) echo 'i686-linux-gnu-g++ and qemu-i386' ;;
    none:json) echo 'nlohmann-json 3.9 or later' ;;
    none:cli11) echo 'CLI11 2.1 or later' ;;
    none:benchmark) echo 'Google Benchmark 1.7 or later' ;;
    *) echo "$1" ;;
  esac
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

quietly() {
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    fail "failed: $*"
  fi
}

# $packages is a list of words on purpose.
# shellcheck disable=SC2086
install_packages() {
  case $manager in
    apt)
      apt='as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q -y'
      quietly $apt update
      quietly $apt --no-install-recommends install $packages
      ;;
    dnf) quietly as_root dnf -q -y install $packages ;;
    pacman) quietly as_root pacman -Sy --noconfirm --needed $packages ;;
    brew) quietly brew install -q $packages ;;
  esac
}

if [ $# = 0 ]; then
  set -- test bench demo
fi
needs='compiler cmake ninja eigen'
for set_name; do
  case $set_name in
    build) ;;
    test) needs="$needs pkgconfig catch2 json" ;;
    bench) needs="$needs benchmark" ;;
    demo) needs="$needs gnuplot cli11" ;;
    clang | format) needs="$needs $set_name" ;;
    arm64 | arm32 | i386) needs="$needs $set_name" ;;
    *) fail "unknown set '$set_name': the sets are build, test, clang, format, arm64, arm32, i386, bench, demo" ;;
  esac
done

if have apt-get; then
  manager=apt
elif have dnf; then
  manager=dnf
elif have pacman; then
  manager=pacman
elif have brew; then
  manager=brew
else
  manager=none
fi

packages=
for need in $needs; do
  if ! met "$need"; then
    packages="$packages${packages:+$([ $manager = none ] && printf ', ' || printf ' ')}$(package "$need")"
  fi
done
if [ -z "$packages" ]; then
  exit 0
fi
if [ $manager = none ]; then
  fail "no apt-get, dnf, pacman or brew here; please install: $packages"
fi

if [ $manager != brew ] && [ "$(id -u)" != 0 ] && ! have sudo; then
  fail "neither root nor sudo here; please have these packages installed: $packages"
fi

say "installing $packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_packages

for need in $needs; do
  if ! met "$need"; then
    manager=none
    fail "this system's packages do not give $(package "$need"); please install it from elsewhere"
  fi
done
