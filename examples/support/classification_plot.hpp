// SPDX-License-Identifier: MIT
#pragma once

/// The picture of a classifier: how its loss fell, and the rows on their last two inputs with its mistakes ringed.

#include <array>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "plot.hpp"
#include "table.hpp"

namespace support {

/// Points are lines of "x y label prediction", curves are lines of "epoch training held-out".
inline void plot_classes(const std::filesystem::path& folder, const Table& table,
                         const std::vector<std::string>& inputs, const std::vector<std::string>& classes,
                         const std::string& points, const std::string& curves) {
  const std::string name = std::filesystem::path(table.name).stem().string() + "_classes", file = quoted(name + ".dat");
  const std::array<const char*, 7> colours = {"#0072b2", "#e69f00", "#009e73", "#cc79a7",
                                              "#d55e00", "#56b4e9", "#f0e442"};
  std::ostringstream script;
  script << "set multiplot layout 1,2\nset bmargin 7\nset key below center horizontal maxrows 2\n"
         << "set title 'cross-entropy'\nset xlabel 'epoch'\nset logscale x\nset autoscale xfix\nset yrange [0:*]\n"
         << "plot \\\n  " << file
         << " index 1 using ($1+1):2 with lines lw 2.5 lc rgb '#222222' title 'training', \\\n  " << file
         << " index 1 using ($1+1):3 with lines lw 2.5 dt 2 lc rgb '#d55e00' title 'held out'\n"
         << "set title " << quoted(table.name) << "\nunset logscale\nset autoscale\n"
         << "set xlabel " << quoted(inputs[inputs.size() > 1 ? inputs.size() - 2 : 0]) << "\n"
         << "set ylabel " << quoted(inputs.back()) << "\n"
         << "set offsets graph 0.03, graph 0.03, graph 0.03, graph 0.03\nplot \\\n";
  for (std::size_t c = 0; c < classes.size(); ++c) {
    script << "  " << file << " index 0 using 1:($3==" << c << "?$2:NaN) with points pt 7 ps 0.8 lc rgb '"
           << colours[c % colours.size()] << "' title " << quoted(classes[c]) << ", \\\n";
  }
  script << "  " << file << " index 0 using 1:($3!=$4?$2:NaN) with points pt 6 ps 1.8 lw 2 lc rgb '#d00000' "
         << "title 'mistaken'\n";
  plot(folder, name, points + "\n\n" + curves, script.str());
}

}  // namespace support
