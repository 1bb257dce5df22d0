// SPDX-License-Identifier: MIT
// expect: (cannot convert|no matching|invalid conversion|cannot initialize|no viable).*

#include <losses/regression/huber.hpp>

int main() {
#if defined(LOSSES_COMPILE_FAIL)
  losses::Huber<float> huber({.delta = "x"});
#else
  losses::Huber<float> huber({.delta = 1});
#endif
}
