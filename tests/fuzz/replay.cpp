// SPDX-License-Identifier: MIT
// Runs every target on its corpus, with any compiler: replay DIRECTORY of the corpora. One input is replayed by its file.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "target.hpp"

namespace {

void run(const losses_test::FuzzTarget& target, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::printf("%s/%s\n", std::string(target.name).c_str(), path.filename().c_str());
  std::fflush(stdout);
  target.run(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
  int inputs = 0;
  bool all = count > 1;
  for (int i = 1; i < count; ++i) {
    const std::filesystem::path path = arguments[i];
    for (const auto& target : losses_test::fuzz_targets()) {
      if (std::filesystem::is_directory(path)) {
        int of_target = 0;
        for (const auto& entry : std::filesystem::directory_iterator(path / target.name)) {
          run(target, entry.path());
          ++of_target;
        }
        all = all && of_target > 0;
        inputs += of_target;
      } else if (path.parent_path().filename() == target.name) {
        run(target, path);
        ++inputs;
      }
    }
  }
  std::printf("%d inputs\n", inputs);
  return all ? 0 : 1;
}
