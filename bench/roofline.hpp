// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace bench {

/// Bytes per second of some losses, and of the copy that bounds them, for 2^10 to 2^26 elements: a line of the CSV file for
/// each size. False: the file cannot be written.
bool write_roofline(const std::string& file, double seconds);

}  // namespace bench
