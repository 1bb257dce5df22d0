// SPDX-License-Identifier: MIT

// Changes one operator, sign, constant or comparison of a loss at a time, builds the tests of that loss against the changed
// header, and expects them to fail. A change that no test notices is a survivor: it changes no result, or a test is missing.
// A header without tests of its own has those of the losses that include it. Every test must pass as it is first.
//
//   mutation [--room regression] [--loss huber] [--sample 12] [--seed 1] [--jobs 2] [--list]
//
// --sample is the number of changes for each room, drawn with the seed; 0 tries all of them. Run by the preset `mutation`.

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

namespace {

/// Text at a place of a header, and what takes its place.
struct Mutation {
  fs::path header;
  std::size_t offset;
  std::string was, becomes;
};

enum class Outcome { killed, does_not_compile, timed_out, survived };

struct Swap {
  std::string_view was, becomes;
};

// clang-format puts a space on each side of a binary operator, and none beside the brackets of a template.
constexpr Swap operators[] = {{" + ", " - "},     {" - ", " + "},          {" * ", " / "},   {" / ", " * "},
                              {" < ", " >= "},    {" <= ", " > "},         {" > ", " <= "},  {" >= ", " < "},
                              {" == ", " != "},   {" != ", " == "},        {" && ", " || "}, {" || ", " && "},
                              {" & ", " | "},     {" | ", " & "},          {"(-", "("},      {", -", ", "},
                              {"= -", "= "},      {"return -", "return "}, {"? -", "? "},    {": -", ": "},
                              {"true", "false"},  {"false", "true"},       {"max(", "min("}, {"min(", "max("},
                              {"exp(", "expm1("}, {"log1p(", "log("},      {"abs(", "V("},   {"-=", "+="},
                              {"+=", "-="}};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// Blanks out what is no formula: comments, texts, preprocessor lines, declarations of templates and names, and what an
/// error says.
std::string code_of(const std::string& text) {
  std::string code = text;
  const auto blank = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to && i < code.size(); ++i) {
      if (code[i] != '\n') code[i] = '\x01';
    }
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = std::min(text.find('\n', i), text.size());
    const std::size_t first = std::min(text.find_first_not_of(' ', i), end);
    const std::string_view line(text.data() + first, end - first);
    for (const std::string_view word : {"#", "template", "using", "namespace", "static_assert", "requires", "enum",
                                        "concept", "class", "inline constexpr std::string"}) {
      if (line.starts_with(word)) blank(i, end);
    }
    const auto comment = text.find("//", i);
    if (comment < end) blank(comment, end);
    i = end + 1;
  }
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i] != '"') continue;
    std::size_t end = i + 1;
    while (end < code.size() && code[end] != '"' && code[end] != '\n') end += code[end] == '\\' ? 2 : 1;
    blank(i, end + 1);
    i = end;
  }
  return code;
}

std::vector<Mutation> mutations_of(const fs::path& header) {
  const std::string code = code_of(read(header));
  std::vector<Mutation> found;
  for (const auto& [was, becomes] : operators) {
    for (std::size_t at = code.find(was); at != std::string::npos; at = code.find(was, at + 1)) {
      const bool begins_word = is_word(was.front());
      if (begins_word && at > 0 && is_word(code[at - 1])) continue;
      if (was == "= -" && at > 0 && std::string_view("<>=!+-*/").find(code[at - 1]) != std::string_view::npos) continue;
      found.push_back({header, at, std::string(was), std::string(becomes)});
    }
  }
  // Constants: 0 becomes 1, any other number its double.
  for (std::size_t i = 1; i < code.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(code[i])) == 0 || is_word(code[i - 1]) || code[i - 1] == '.') continue;
    std::size_t end = i;
    while (end < code.size() &&
           (is_word(code[end]) || code[end] == '.' ||
            ((code[end] == '-' || code[end] == '+') && (code[end - 1] == 'e' || code[end - 1] == 'p'))))
      ++end;
    const std::string number = code.substr(i, end - i);
    const bool is_template_argument =
        code[i - 1] == '<' || (code[i - 1] == ' ' && end < code.size() && code[end] == '>');
    if (!is_template_argument) {
      const bool zero = std::strtod(number.c_str(), nullptr) == 0;
      found.push_back({header, i, number, zero ? "1" : "2 * " + number});
    }
    i = end;
  }
  return found;
}

std::string place(const Mutation& m, const std::string& text) {
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(m.offset), '\n') + 1;
  const std::size_t begin = text.rfind('\n', m.offset) + 1, end = text.find('\n', m.offset + 1);
  std::string shown = text.substr(begin, end - begin);
  shown.erase(0, shown.find_first_not_of(' '));
  return m.header.filename().string() + ":" + std::to_string(line) + ":" + std::to_string(m.offset - begin + 1) +
         "  '" + m.was + "' -> '" + m.becomes + "'  in  " + shown;
}

int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return status == -1 ? -1 : status >> 8;
}

std::string compiler(const fs::path& first_include) {
  const std::string source = LOSSES_SOURCE_DIR;
  return std::string(LOSSES_CXX " -std=c++20 -O1 -w " LOSSES_FLAGS " -DLOSSES_SOURCE_DIR='\"") + source + "\"' -I'" +
         first_include.string() + "' -I'" + source + "/include' -I'" + source + "/tests/support' ";
}

/// What the tests of a room share has a header of its name; compiled once.
std::string shared_objects(const fs::path& room, const fs::path& folder) {
  std::string objects;
  for (const auto& each : fs::directory_iterator(room)) {
    const fs::path path = each.path();
    if (path.extension() != ".cpp" || !fs::exists(fs::path(path).replace_extension(".hpp"))) continue;
    const std::string object = (folder / (room.filename().string() + "_" + path.stem().string() + ".o")).string();
    if (run(compiler(folder) + "-c '" + path.string() + "' -o '" + object + "'") != 0) {
      std::cerr << "mutation: " << path.string() << " does not compile as it is\n";
      std::exit(2);
    }
    objects += " '" + object + "'";
  }
  return objects;
}

/// The tests of a header, or of those of its room that include it.
std::set<fs::path> tests_of(const fs::path& header, const std::vector<fs::path>& room) {
  const std::string name = header.parent_path().filename().string();
  const fs::path own = fs::path(LOSSES_SOURCE_DIR) / "tests" / name / (header.stem().string() + ".cpp");
  if (fs::exists(own)) return {own};
  std::set<fs::path> tests;
  for (const fs::path& each : room) {
    if (each != header &&
        read(each).find("#include <losses/" + name + "/" + header.filename().string()) != std::string::npos)
      tests.merge(tests_of(each, room));
  }
  return tests;
}

/// The tests, and those of more about the same loss: ctc.cpp and ctc_laws.cpp.
std::string sources_of(const fs::path& test) {
  std::string sources = "'" + test.string() + "'";
  const fs::path room = test.parent_path(), headers = fs::path(LOSSES_SOURCE_DIR) / "include/losses" / room.filename();
  for (const auto& each : fs::directory_iterator(room)) {
    const fs::path path = each.path();
    const bool is_more = path.extension() == ".cpp" && path.stem().string().starts_with(test.stem().string() + "_");
    const bool is_another = fs::exists(headers / (path.stem().string() + ".hpp"));
    const bool is_shared = fs::exists(fs::path(path).replace_extension(".hpp"));
    if (is_more && !is_another && !is_shared) sources += " '" + path.string() + "'";
  }
  return sources;
}

/// Builds the tests where `include` has the changed headers, and runs them.
Outcome build_and_run(const fs::path& test, const std::string& shared, const fs::path& include,
                      const fs::path& folder) {
  const std::string program = "'" + (folder / "test").string() + "'";
  const int built = run(compiler(include) + sources_of(test) + shared + " '@" LOSSES_SUPPORT "' -o " + program +
                        " -pthread 2> /dev/null");
  if (built != 0) return Outcome::does_not_compile;
  const int status = run("timeout 300 " + program + " -a > /dev/null 2>&1");
  return status == 0 ? Outcome::survived : status == 124 ? Outcome::timed_out : Outcome::killed;
}

Outcome try_one(const Mutation& m, const std::set<fs::path>& tests, const std::string& shared, const fs::path& folder) {
  const fs::path include = folder / "include";
  const fs::path changed = include / fs::relative(m.header, fs::path(LOSSES_SOURCE_DIR) / "include");
  fs::remove_all(folder);
  fs::create_directories(changed.parent_path());
  std::string text = read(m.header);
  text.replace(m.offset, m.was.size(), m.becomes);
  std::ofstream(changed, std::ios::binary) << text;
  Outcome outcome = Outcome::survived;
  for (auto test = tests.begin(); test != tests.end() && outcome == Outcome::survived; ++test)
    outcome = build_and_run(*test, shared, include, folder);
  return outcome;
}

struct Score {
  int tried = 0, caught = 0, invalid = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {
      {"--room", ""}, {"--loss", ""}, {"--sample", "12"}, {"--seed", "1"}, {"--jobs", "2"}};
  bool list = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--list") {
      list = true;
    } else if (options.count(option) != 0 && i + 1 < argc) {
      options[option] = argv[++i];
    } else {
      std::cerr << "mutation: unknown option, or one without its value: " << option << '\n';
      return 2;
    }
  }
  const fs::path source = LOSSES_SOURCE_DIR;
  const auto sample = static_cast<std::size_t>(std::stoul(options["--sample"]));
  std::vector<std::pair<Mutation, std::set<fs::path>>> work;
  for (const auto& room : fs::directory_iterator(source / "include/losses")) {
    const std::string name = room.path().filename().string();
    if (!room.is_directory() || (!options["--room"].empty() && options["--room"] != name)) continue;
    std::vector<fs::path> headers;
    for (const auto& header : fs::directory_iterator(room.path())) headers.push_back(header.path());
    std::sort(headers.begin(), headers.end());
    std::vector<std::pair<Mutation, std::set<fs::path>>> of_room;
    for (const fs::path& header : headers) {
      const std::string loss = header.stem().string();
      const std::set<fs::path> tests = tests_of(header, headers);
      if (tests.empty() || (!options["--loss"].empty() && options["--loss"] != loss)) continue;
      for (Mutation& m : mutations_of(header)) of_room.emplace_back(std::move(m), tests);
    }
    std::mt19937 random(static_cast<unsigned>(std::stoul(options["--seed"])));
    for (std::size_t i = of_room.size(); i > 1; --i) std::swap(of_room[i - 1], of_room[random() % i]);
    if (sample != 0 && of_room.size() > sample) of_room.resize(sample);
    work.insert(work.end(), of_room.begin(), of_room.end());
  }
  if (list) {
    for (const auto& [m, tests] : work) std::cout << place(m, read(m.header)) << '\n';
    return 0;
  }

  const fs::path temporary = fs::temp_directory_path() / ("losses_mutation_" + std::to_string(std::random_device()()));
  fs::create_directories(temporary);
  std::map<fs::path, std::string> shared;
  std::set<fs::path> all_tests;
  for (const auto& [m, tests] : work) all_tests.insert(tests.begin(), tests.end());
  for (const fs::path& test : all_tests) {
    const fs::path room = test.parent_path();
    if (shared.count(room) == 0) shared[room] = shared_objects(room, temporary);
    fs::create_directories(temporary / "unchanged");
    if (build_and_run(test, shared[room], temporary, temporary / "unchanged") == Outcome::survived) continue;
    std::cerr << "mutation: " << test.string() << " does not pass as it is\n";
    fs::remove_all(temporary);
    return 2;
  }

  std::map<std::string, Score> scores;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  const auto worker = [&](int number) {
    const fs::path folder = temporary / std::to_string(number);
    for (std::size_t i = next++; i < work.size(); i = next++) {
      const auto& [m, tests] = work[i];
      const Outcome outcome = try_one(m, tests, shared.at(tests.begin()->parent_path()), folder);
      const std::lock_guard lock(mutex);
      Score& score = scores[m.header.parent_path().filename().string()];
      if (outcome == Outcome::does_not_compile) {
        ++score.invalid;
        continue;
      }
      ++score.tried;
      score.caught += outcome != Outcome::survived;
      if (outcome == Outcome::survived) std::cout << "survived: " << place(m, read(m.header)) << std::endl;
    }
  };
  std::vector<std::thread> workers;
  for (int i = 0; i < std::stoi(options["--jobs"]); ++i) workers.emplace_back(worker, i);
  for (auto& each : workers) each.join();
  fs::remove_all(temporary);

  Score all;
  for (const auto& [room, score] : scores) {
    std::cout << room << ": " << score.caught << " of " << score.tried << " caught, " << score.invalid
              << " do not compile\n";
    all.tried += score.tried;
    all.caught += score.caught;
  }
  std::cout << "all: " << all.caught << " of " << all.tried << " caught\n";
  return all.tried > 0 && 100 * all.caught >= 95 * all.tried ? 0 : 1;
}
