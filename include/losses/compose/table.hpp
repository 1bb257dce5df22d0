// SPDX-License-Identifier: MIT
#pragma once

/// The table of all losses, by name. Its rooms take long to compile, so that they can be compiled once, apart: with
/// LOSSES_EXTERN_TABLE defined this header only declares them, and the CMake target losses::table_float (or, without CMake, a file
/// as this one for each room) has them, and with LOSSES_EXTERN_FLOAT defined also the verbs of the losses themselves:
///
///   #define LOSSES_COMPILED_SCALAR float
///   #include <losses/compose/table/regression.hpp>
///   template std::vector<losses::LossEntry<float>> losses::detail::regression_entries<float>();
///
/// Perceptual is not in it: it is a function of a network, too.

#include <utility>
#include <vector>

#include <losses/compose/entry.hpp>

#ifndef LOSSES_EXTERN_TABLE
#include <losses/compose/table/classification.hpp>
#include <losses/compose/table/detection.hpp>
#include <losses/compose/table/generative.hpp>
#include <losses/compose/table/metric.hpp>
#include <losses/compose/table/ranking.hpp>
#include <losses/compose/table/regression.hpp>
#include <losses/compose/table/segmentation.hpp>
#include <losses/compose/table/sequence.hpp>
#endif

namespace LOSSES_NAMESPACE {

namespace detail {

template <std::floating_point T>
std::vector<LossEntry<T>> regression_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> classification_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> ranking_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> metric_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> generative_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> segmentation_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> detection_entries();
template <std::floating_point T>
std::vector<LossEntry<T>> sequence_entries();

}  // namespace detail

/// All losses that make_loss knows, room by room.
///
///   for (const auto& loss : losses::known_losses()) std::cout << loss.name << ": " << loss.text << '\n';
template <std::floating_point T = float>
const std::vector<LossEntry<T>>& known_losses() {
  static const std::vector<LossEntry<T>> table = [] {
    std::vector<LossEntry<T>> all;
    for (auto* entries : {detail::regression_entries<T>, detail::classification_entries<T>,
                          detail::segmentation_entries<T>, detail::detection_entries<T>, detail::ranking_entries<T>,
                          detail::metric_entries<T>, detail::generative_entries<T>, detail::sequence_entries<T>}) {
      for (auto& each : entries()) all.push_back(std::move(each));
    }
    return all;
  }();
  return table;
}

}  // namespace LOSSES_NAMESPACE
