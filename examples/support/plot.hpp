// SPDX-License-Identifier: MIT
#pragma once

/// Pictures through gnuplot, where it is installed: the numbers and the script stay beside them, to be changed.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "table.hpp"

namespace support {

/// A name as gnuplot text inside '…'.
inline std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

/// A word for the shell.
inline std::string shell_word(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string("_-./,=:").find(c) != std::string::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// Runs name.gp in the folder; false where gnuplot is missing or fails.
inline bool run_gnuplot(const std::filesystem::path& folder, const std::string& name) {
#if defined(_WIN32)
  const std::string command = "cd /d \"" + folder.string() + "\" && gnuplot \"" + name + ".gp\" 2>NUL";
#else
  const std::string command =
      "cd -- " + shell_word(folder.string()) + " && gnuplot " + shell_word("./" + name + ".gp") + " 2>/dev/null";
#endif
  return std::system(command.c_str()) == 0;
}

/// Writes name.dat, name.gp, and with gnuplot name.svg and name.png into the folder. The script draws from
/// the file name.dat, and is run once for each kind of picture.
inline void plot(const std::filesystem::path& folder, const std::string& name, const std::string& data,
                 const std::string& script) {
  const auto write = [&](const std::string& suffix, const std::string& text) {
    std::ofstream file(folder / (name + suffix));
    if (!(file << text << std::flush)) throw BadInput("cannot write " + (folder / (name + suffix)).string());
  };
  const std::string size = " size 900,560 font 'DejaVu Sans,";
  const std::string style =
      "set encoding utf8\nset border 3 lw 1.2 lc rgb '#555555'\nset tics nomirror out textcolor rgb '#333333'\n"
      "set grid lc rgb '#e4e4e4' lt 1 lw 1\nset key outside right center reverse Left samplen 2.5 spacing 1.4 "
      "noenhanced\n"
      "set termoption noenhanced\nset title font ',14'\n";
  const std::string svg =
      "set terminal svg dynamic background '#ffffff'" + size + "12'\nset output " + quoted(name + ".svg") + "\n";
  const std::string png =
      "set terminal pngcairo background '#ffffff'" + size + "11'\nset output " + quoted(name + ".png") + "\n";
  write(".dat", data);
  write(".gp",
        svg + style + script + "\nunset multiplot\nreset\n" + png + style + script + "\nunset multiplot\nset output\n");

  const auto written = folder / name;
  if (run_gnuplot(folder, name)) {
    std::cout << "Plots: " << written.string() << ".svg and " << written.string() << ".png\n";
  } else {
    std::cout << "No plots: gnuplot is missing or failed. It draws them from " << written.string() << ".gp\n";
  }
}

}  // namespace support
