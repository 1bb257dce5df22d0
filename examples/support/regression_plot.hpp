// SPDX-License-Identifier: MIT
#pragma once

/// The picture of several fits of one table: the lines if there is one input, else the residuals of the first and last.

#include <array>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "plot.hpp"
#include "table.hpp"

namespace support {

/// A fit has a name `loss`, `coefficients` (the constant first) and `residuals`; kept is 1, or 0 for a marked row.
template <class Fit>
void plot_fits(const std::filesystem::path& folder, const Table& table, std::size_t target_column,
               const std::vector<Fit>& fits, const Eigen::VectorXd& kept, double limit) {
  const std::string name = std::filesystem::path(table.name).stem().string() + "_fits", file = quoted(name + ".dat");
  const std::string& target_name = table.columns[target_column];
  const Features features = table.features_without(target_column);
  const Eigen::VectorXd target = table.numbers(target_column);
  std::ostringstream data, script;
  for (Eigen::Index i = 0; i < target.size(); ++i) {
    data << i + 1 << ' ' << features.values(i, 0) << ' ' << target[i] << ' ' << kept[i];
    for (const Fit& fit : fits) data << ' ' << fit.residuals[i];
    data << '\n';
  }

  const std::array<const char*, 5> colours = {"#d55e00", "#e69f00", "#cc79a7", "#009e73", "#0072b2"};
  const auto in_colour = [&](std::size_t f) { return std::string(" lc rgb '") + colours[f % colours.size()] + "' "; };
  if (features.names.size() == 1) {
    script << "set title " << quoted(table.name + ": one table, " + std::to_string(fits.size()) + " losses")
           << "\nset xlabel " << quoted(features.names[0]) << "\nset ylabel " << quoted(target_name)
           << "\nset autoscale fix\nset offsets graph 0.03, graph 0.03, graph 0.05, graph 0.05\nplot \\\n";
    for (std::size_t f = 0; f < fits.size(); ++f) {
      script << "  " << fits[f].coefficients[0] << " + " << fits[f].coefficients[1] << "*x with lines lw 2.5"
             << in_colour(f) << "title " << quoted(fits[f].loss) << ", \\\n";
    }
    script << "  " << file << " using 2:($4==1?$3:NaN) with points pt 7 ps 0.9 lc rgb '#222222' title 'rows', \\\n  "
           << file << " using 2:($4==1?NaN:$3) with points pt 6 ps 1.2 lw 2 lc rgb '#222222' title 'marked rows'\n";
  } else {
    const std::size_t last = fits.size() - 1;
    const std::string last_column = std::to_string(last + 5);
    script << "set title " << quoted(table.name + ": what the fits leave over") << "\nset xlabel 'row'\nset ylabel "
           << quoted("residual of " + target_name) << "\nset xrange [0:" << target.size() + 1
           << "]\nset offsets 0, 0, graph 0.05, graph 0.05\nplot \\\n  '+' using 1:(" << -limit << "):(" << limit
           << ") with filledcurves lc rgb '#dfe9f2' title 'within 2.5 deviations', 0 lc rgb '#999999' notitle, \\\n  "
           << file << " using 1:5 with points pt 6 ps 1.2 lw 2" << in_colour(0) << "title " << quoted(fits[0].loss)
           << ", \\\n  " << file << " using 1:" << last_column << " with points pt 7 ps 1" << in_colour(last)
           << "title " << quoted(fits[last].loss) << ", \\\n  " << file << " using ($4==1?NaN:$1):" << last_column
           << ":(sprintf('row %d', $1)) with labels offset 0,1 tc rgb '#222222' notitle\n";
  }
  plot(folder, name, data.str(), script.str());
}

}  // namespace support
