// SPDX-License-Identifier: MIT
#pragma once

/// Catch2 2.13 or 3, whichever is installed, under the names of Catch2 3: Catch::Approx,
/// Catch::Matchers::ContainsSubstring, Catch::Matchers::WithinRel, Catch::Matchers::Message, …

#if __has_include(<catch2/catch_test_macros.hpp>)

#include <catch2/catch_approx.hpp>
#include <catch2/catch_message.hpp>
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_all.hpp>

#else

#include <string>

#include <catch2/catch.hpp>

namespace Catch {

using Detail::Approx;

namespace Matchers {

inline auto ContainsSubstring(const std::string& part, CaseSensitive::Choice sensitivity = CaseSensitive::Yes) {
  return Contains(part, sensitivity);
}

}  // namespace Matchers
}  // namespace Catch

#endif
