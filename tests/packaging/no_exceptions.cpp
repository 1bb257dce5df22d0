// SPDX-License-Identifier: MIT
// Built without exceptions and RTTI. An error calls the user's handler; with the argument "abort", the default one.
//
// expect: losses: Huber: delta is -1, but must be positive

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <Eigen/Core>

#include <losses/losses.hpp>

int main(int argc, char** argv) {
  Eigen::VectorXf gradient;
  const losses::Huber<float> huber({.delta = 2});
  const float value = huber.value_and_gradient(Eigen::Vector3f(1, 2, 8), Eigen::Vector3f::Zero(), gradient);
  if (value != 5.5f || gradient != Eigen::Vector3f(1, 2, 2) / 3) {
    std::printf("value %g\n", static_cast<double>(value));
    return EXIT_FAILURE;
  }

  if (!(argc > 1 && std::strcmp(argv[1], "abort") == 0)) {
    losses::set_error_handler([](const char* message) {
      std::puts(message);
      std::exit(std::strstr(message, "delta is -1") ? EXIT_SUCCESS : EXIT_FAILURE);
    });
  }
  losses::Huber<float>({.delta = -1}).forward(gradient, gradient);
  return EXIT_FAILURE;  // an error must not return
}
