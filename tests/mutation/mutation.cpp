// SPDX-License-Identifier: MIT

// Changes one operator, sign, constant, comparison, term, index or order of arguments of a loss at a time, runs the tests of
// that loss against the changed header, and expects them to fail. A change that no test notices is a survivor: it changes no
// result, or a test is missing. What passes a header's own tests meets those of its room that include it and are of no other
// header, and those of the headers of its room that include it.
//
// Compiling takes far longer than testing. So one build holds many changes of a header, each behind a test of
// LOSSES_MUTANT, and runs once for each; with none of them it must pass. What a constant expression needs, or what has
// another type when it is changed, is built alone.
//
//   mutation [--room regression] [--loss huber] [--sample 24] [--headers 6] [--seed 1] [--jobs 2] [--list]
//
// --sample is the number of changes for each room, drawn with the seed, and --headers that of the headers they are drawn
// from, of which one with twice as many changes is twice as likely; 0 takes all of them. Run by the preset `mutation`.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
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

/// Text at a place of a header, what takes its place, and the expression around it, or nothing.
struct Mutation {
  fs::path header;
  std::size_t offset;
  std::string was, becomes;
  std::size_t begin = 0, end = 0;

  bool has_expression() const { return begin < end; }
};

enum class Outcome { killed, does_not_compile, timed_out, survived };
constexpr const char* names[] = {"caught", "does not compile", "caught, it takes too long", "survived"};

struct Swap {
  std::string_view was, becomes;
};

// clang-format puts a space on each side of a binary operator, and none beside the brackets of a template.
constexpr Swap operators[] = {{" + ", " - "},     {" - ", " + "},
                              {" * ", " / "},     {" / ", " * "},
                              {" < ", " >= "},    {" < ", " <= "},
                              {" <= ", " > "},    {" <= ", " < "},
                              {" > ", " <= "},    {" > ", " >= "},
                              {" >= ", " < "},    {" >= ", " > "},
                              {" == ", " != "},   {" != ", " == "},
                              {" && ", " || "},   {" || ", " && "},
                              {" & ", " | "},     {" | ", " & "},
                              {"(-", "("},        {", -", ", "},
                              {"= -", "= "},      {"return -", "return "},
                              {"? -", "? "},      {": -", ": "},
                              {"true", "false"},  {"false", "true"},
                              {"max(", "min("},   {"min(", "max("},
                              {"exp(", "expm1("}, {"log1p(", "log("},
                              {"abs(", "V("},     {"-=", "+="},
                              {"+=", "-="},       {"+=", "="}};

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

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != std::string_view::npos;
}

bool is_colon(const std::string& code, std::size_t i) {
  return code[i] == ':' && code[i - 1] != ':' && code[i + 1] != ':';
}

/// Where what stands at i ends: at a comma, a semicolon, the bracket around it, or before one of `also`.
std::size_t end_of(const std::string& code, std::size_t i, std::initializer_list<std::string_view> also = {}) {
  int depth = 0;
  for (; i < code.size(); ++i) {
    if (is_one_of(code[i], "([{")) ++depth;
    if (is_one_of(code[i], ")]}") && depth-- == 0) break;
    if (depth != 0) continue;
    if (is_one_of(code[i], ",;?") || is_colon(code, i)) break;
    if (std::any_of(also.begin(), also.end(),
                    [&](std::string_view word) { return code.compare(i, word.size(), word) == 0; }))
      break;
  }
  return i;
}

/// Where the expression that i stands in begins.
std::size_t begin_of(const std::string& code, std::size_t i) {
  int depth = 0;
  for (; i > 1; --i) {
    const char c = code[i - 1];
    if (c == '}' && code[i] == '\n' && depth == 0) break;
    if (is_one_of(c, ")]}")) ++depth;
    if (is_one_of(c, "([{") && depth-- == 0) break;
    if (depth != 0) continue;
    if (is_one_of(c, ",;?") || is_colon(code, i - 1)) break;
    if (c == '=' && code[i] != '=' && !is_one_of(code[i - 2], "<>=!")) break;
  }
  for (;;) {
    while (i < code.size() && (code[i] == ' ' || code[i] == '\n' || code[i] == '\x01')) ++i;
    if (code.compare(i, 7, "return ") == 0) {
      i += 7;
    } else if (code.compare(i, 5, "else ") == 0) {
      i += 5;
    } else if (code.compare(i, 4, "if (") == 0 || code.compare(i, 5, "for (") == 0) {
      const std::size_t open = code.find('(', i);
      for (i = end_of(code, open + 1); i < code.size() && code[i] != ')';) i = end_of(code, i + 1);
      ++i;
    } else {
      return i;
    }
  }
}

class Finder {
 public:
  explicit Finder(const fs::path& header) : header_(header), text_(read(header)), code_(code_of(text_)), flat_(code_) {
    std::replace(flat_.begin(), flat_.end(), '\n', ' ');
  }

  std::vector<Mutation> all() {
    for (const auto& [was, becomes] : operators) {
      for (std::size_t at = flat_.find(was); at != std::string::npos; at = flat_.find(was, at + 1)) {
        if (is_word(was.front()) && at > 0 && is_word(flat_[at - 1])) continue;
        if (was == "= -" && at > 0 && is_one_of(flat_[at - 1], "<>=!+-*/")) continue;
        add(at, was.size(), std::string(becomes));
      }
    }
    constants();
    dropped_terms();
    brackets();
    return std::move(found_);
  }

 private:
  void add(std::size_t at, std::size_t size, std::string becomes) {
    while (size > 0 && !becomes.empty() && flat_[at] == becomes.front()) {
      ++at, --size;
      becomes.erase(0, 1);
    }
    while (size > 0 && !becomes.empty() && flat_[at + size - 1] == becomes.back()) {
      --size;
      becomes.pop_back();
    }
    Mutation m{header_, at, text_.substr(at, size), becomes};
    const std::size_t begin = begin_of(code_, at), end = end_of(code_, at);
    const bool comment = text_.substr(begin, end - std::min(begin, end)).find("//") != std::string::npos;
    if (begin <= at && at + size <= end && !comment) m.begin = begin, m.end = end;
    found_.push_back(std::move(m));
  }

  /// 0 becomes 1, any other number its double.
  void constants() {
    const std::string& code = flat_;
    for (std::size_t i = 1; i < code.size(); ++i) {
      if (std::isdigit(static_cast<unsigned char>(code[i])) == 0 || is_word(code[i - 1]) || code[i - 1] == '.')
        continue;
      std::size_t end = i;
      while (end < code.size() && (is_word(code[end]) || code[end] == '.' ||
                                   ((code[end] == '-' || code[end] == '+') && is_one_of(code[end - 1], "ep"))))
        ++end;
      const std::string number = code.substr(i, end - i);
      const bool is_template_argument =
          code[i - 1] == '<' || (code[i - 1] == ' ' && end < code.size() && code[end] == '>');
      const bool zero = std::strtod(number.c_str(), nullptr) == 0;
      if (!is_template_argument) add(i, number.size(), zero ? "1" : "2 * " + number);
      i = end;
    }
  }

  /// a + b becomes a, and so does a b.
  void dropped_terms() {
    for (const std::string_view sign : {" + ", " - ", " * ", " / "}) {
      for (std::size_t at = flat_.find(sign); at != std::string::npos; at = flat_.find(sign, at + 1)) {
        const bool is_factor = sign == " * " || sign == " / ";
        const std::size_t end =
            is_factor
                ? end_of(flat_, at + 3, {" + ", " - ", " * ", " / ", " < ", " > ", " <", " >", " =", " !", " &", " |"})
                : end_of(flat_, at + 3, {" + ", " - ", " < ", " > ", " <", " >", " =", " !", " &", " |"});
        add(at, end - at, "");
      }
    }
  }

  /// x[i] becomes x[i + 1], and f(a, b) becomes f(b, a).
  void brackets() {
    for (std::size_t i = 1; i < flat_.size(); ++i) {
      if (!is_one_of(flat_[i], "([") || !(is_word(flat_[i - 1]) || is_one_of(flat_[i - 1], ")]"))) continue;
      std::vector<std::size_t> ends = {i};
      do ends.push_back(end_of(flat_, ends.back() + 1));
      while (ends.back() < flat_.size() && flat_[ends.back()] == ',');
      if (ends.back() >= flat_.size() || !is_one_of(flat_[ends.back()], ")]")) continue;
      if (flat_[i] == '[') {
        if (ends.back() > i + 1) add(ends.back(), 0, " + 1");
        continue;
      }
      const bool any_order = flat_.compare(i - 3, 3, "max") == 0 || flat_.compare(i - 3, 3, "min") == 0;
      if (ends.size() < 3 || ends.size() > 4 || any_order) continue;
      const std::size_t from = ends[ends.size() - 3] + 1, comma = ends[ends.size() - 2], to = ends.back();
      const std::string first = trimmed(from, comma), second = trimmed(comma + 1, to);
      if (first != second && !is_no_value(first) && !is_no_value(second))
        add(from, to - from, (flat_[from] == ' ' ? " " : "") + second + ", " + first);
    }
  }

  std::string trimmed(std::size_t from, std::size_t to) const {
    while (from < to && flat_[from] == ' ') ++from;
    return flat_.substr(from, to - from);
  }

  /// V x, const T& y; or a text
  static bool is_no_value(const std::string& argument) {
    const std::size_t space = argument.rfind(' ');
    if (argument.find('\x01') != std::string::npos) return true;
    if (space == std::string::npos || space == 0) return false;
    const char before = argument[space - 1];
    return std::all_of(argument.begin() + static_cast<std::ptrdiff_t>(space) + 1, argument.end(), is_word) &&
           (is_word(before) || is_one_of(before, "&*>"));
  }

  fs::path header_;
  std::string text_, code_, flat_;
  std::vector<Mutation> found_;
};

std::string changed(const Mutation& m, const std::string& text) {
  return text.substr(0, m.offset) + m.becomes + text.substr(m.offset + m.was.size());
}

std::size_t line_of(const std::string& text, std::size_t offset) {
  return static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n')) +
         1;
}

std::string place(const Mutation& m) {
  const std::string text = read(m.header);
  const std::size_t begin = text.rfind('\n', m.offset == 0 ? 0 : m.offset - 1) + 1;
  const std::size_t end = text.find('\n', m.offset + m.was.size());
  const auto shown = [&](const std::string& from, std::size_t to) {
    std::string line = from.substr(begin, to - begin);
    std::replace(line.begin(), line.end(), '\n', ' ');
    return line.erase(0, line.find_first_not_of(' '));
  };
  return m.header.filename().string() + ":" + std::to_string(line_of(text, m.offset)) + ":" +
         std::to_string(m.offset - begin + 1) + "  " + shown(text, end) + "  ->  " +
         shown(changed(m, text), end + m.becomes.size() - m.was.size());
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

/// The tests of a header, those of no header that include it, and those of the headers of its room that include it.
std::vector<fs::path> tests_of(const fs::path& header, const std::vector<fs::path>& room) {
  const std::string name = header.parent_path().filename().string(), stem = header.stem().string();
  const fs::path folder = fs::path(LOSSES_SOURCE_DIR) / "tests" / name;
  const auto includes = [&](const fs::path& file) {
    return read(file).find("#include <losses/" + name + "/" + stem + ".hpp>") != std::string::npos;
  };
  std::vector<fs::path> tests;
  if (fs::exists(folder / (stem + ".cpp"))) tests.push_back(folder / (stem + ".cpp"));
  for (const auto& each : fs::directory_iterator(folder)) {
    const fs::path path = each.path();
    const bool is_of_a_header = std::any_of(room.begin(), room.end(), [&](const fs::path& other) {
      return path.stem() == other.stem() || path.stem().string().starts_with(other.stem().string() + "_");
    });
    const bool is_shared = fs::exists(fs::path(path).replace_extension(".hpp"));
    if (path.extension() == ".cpp" && !is_of_a_header && !is_shared && includes(path)) tests.push_back(path);
  }
  for (const fs::path& each : room) {
    if (each == header || !includes(each)) continue;
    for (const fs::path& test : tests_of(each, room)) {
      if (std::find(tests.begin(), tests.end(), test) == tests.end()) tests.push_back(test);
    }
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

/// The header with changes that may stand side by side: the first of `changes` where LOSSES_MUTANT is 1, and so on.
std::string switched(const std::string& text, const std::vector<Mutation>& changes) {
  std::map<std::size_t, std::string, std::greater<>> conditions;  // from the last expression to the first
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Mutation& m = changes[i];
    std::string mutant = changed(m, text).substr(m.begin, m.end - m.begin + m.becomes.size() - m.was.size());
    std::replace(mutant.begin(), mutant.end(), '\n', ' ');
    conditions[m.begin] += "losses_mutant == " + std::to_string(i + 1) + " ? (" + mutant + ") : ";
  }
  std::string result = text;
  for (const auto& [begin, condition] : conditions) {
    std::size_t end = begin;
    for (const Mutation& m : changes) end = m.begin == begin ? m.end : end;
    result.insert(end, "))");
    result.insert(begin, "(" + condition + "(");
  }
  return result;
}

double seconds_of_children() {
  rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
}

/// Tests of one header, in a folder of its own.
class Bench {
 public:
  Bench(const fs::path& header, const fs::path& test, const std::string& shared, const fs::path& folder)
      : test_(test),
        shared_(shared),
        folder_(folder),
        text_(read(header)),
        header_(folder / "include" / fs::relative(header, fs::path(LOSSES_SOURCE_DIR) / "include")) {
    fs::remove_all(folder);
    fs::create_directories(header_.parent_path());
    std::ofstream(folder / "mutant.hpp")
        << "#pragma once\n#include <cstdlib>\ninline const int losses_mutant = "
           "std::getenv(\"LOSSES_MUTANT\") ? std::atoi(std::getenv(\"LOSSES_MUTANT\")) : 0;\n";
  }

  /// Writes the outcome of each.
  void try_all(std::vector<Mutation> mutations, const std::function<void(const Mutation&, Outcome)>& report) {
    const auto middle =
        std::stable_partition(mutations.begin(), mutations.end(), [](const Mutation& m) { return m.has_expression(); });
    std::vector<Mutation> alone(middle, mutations.end());
    mutations.erase(middle, mutations.end());
    // Of expressions that are parts of one another the largest is the one that is switched.
    std::sort(mutations.begin(), mutations.end(), [](const Mutation& a, const Mutation& b) {
      return std::pair(a.begin, b.end) < std::pair(b.begin, a.end);
    });
    std::vector<Mutation> together;
    for (Mutation& m : mutations) {
      const bool overlaps = !together.empty() && m.begin < together.back().end;
      const bool is_part = overlaps && m.end <= together.back().end;
      if (is_part) m.begin = together.back().begin, m.end = together.back().end;
      (overlaps && !is_part ? alone : together).push_back(std::move(m));
    }
    if (!together.empty()) try_together(std::move(together), alone, report);
    for (const Mutation& m : alone) {
      if (!passes_as_it_is_ && !(build(text_) && test(0) == Outcome::survived)) {
        std::cerr << "mutation: " << test_.string() << " does not pass as it is\n" << read(folder_ / "errors");
        std::exit(2);
      }
      passes_as_it_is_ = true;
      report(m, build(changed(m, text_)) ? test(0) : Outcome::does_not_compile);
    }
  }

 private:
  bool build(const std::string& text) {
    std::ofstream(header_, std::ios::binary) << text;
    return run(compiler(folder_ / "include") + "-include '" + (folder_ / "mutant.hpp").string() + "' " +
               sources_of(test_) + shared_ + " '@" LOSSES_SUPPORT "' -o '" + (folder_ / "test").string() +
               "' -pthread 2> '" + (folder_ / "errors").string() + "'") == 0;
  }

  Outcome test(std::size_t mutant) {
    // The time of the processor, which does not depend on what else runs. 152: stopped by this limit.
    const std::string program = "ulimit -S -t " + std::to_string(limit_) + "; LOSSES_MUTANT=" + std::to_string(mutant) +
                                " timeout 3600 '" + (folder_ / "test").string() + "' -a ";
    const std::string quiet = " > /dev/null 2>&1";
    const double before = seconds_of_children();
    int status = has_laws_ ? run(program + "'~[laws]'" + quiet) : 0;  // the laws take longest
    if (status == 0) status = run(program + (has_laws_ ? "'[laws]'" : "") + quiet);
    if (mutant == 0 && status == 0) limit_ = 10 + 5 * static_cast<long>(seconds_of_children() - before);
    return status == 0 ? Outcome::survived : status == 124 || status == 152 ? Outcome::timed_out : Outcome::killed;
  }

  void try_together(std::vector<Mutation> together, std::vector<Mutation>& alone,
                    const std::function<void(const Mutation&, Outcome)>& report) {
    if (!build(switched(text_, together))) {
      // What the compiler complains of is built alone; if it is not clear which, the halves are tried.
      std::set<std::size_t> lines;
      std::istringstream errors(read(folder_ / "errors"));
      for (std::string line; std::getline(errors, line);) {
        if (line.starts_with(header_.string() + ":") && line.find(" error: ") != std::string::npos)
          lines.insert(std::stoul(line.substr(header_.string().size() + 1)));
      }
      const auto middle = std::stable_partition(together.begin(), together.end(), [&](const Mutation& m) {
        const auto line = lines.lower_bound(line_of(text_, m.begin));
        return line == lines.end() || *line > line_of(text_, m.end);
      });
      std::vector<Mutation> bad(middle, together.end());
      together.erase(middle, together.end());
      if (bad.empty() && together.size() > 1) {
        const auto half = together.begin() + static_cast<std::ptrdiff_t>(together.size() / 2);
        try_together({half, together.end()}, alone, report);
        together.erase(half, together.end());
      } else if (bad.empty()) {
        bad.swap(together);
      }
      alone.insert(alone.end(), bad.begin(), bad.end());
      if (!together.empty()) try_together(std::move(together), alone, report);
      return;
    }
    if (test(0) != Outcome::survived) {
      alone.insert(alone.end(), together.begin(), together.end());
      return;
    }
    passes_as_it_is_ = true;
    for (std::size_t i = 0; i < together.size(); ++i) report(together[i], test(i + 1));
  }

  fs::path test_;
  std::string shared_;
  fs::path folder_;
  std::string text_;
  fs::path header_;
  bool has_laws_ = read(test_).find("[laws]") != std::string::npos;
  bool passes_as_it_is_ = false;
  long limit_ = 600;  // seconds
};

struct Score {
  int tried = 0, caught = 0, invalid = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options = {{"--room", ""},     {"--loss", ""},  {"--sample", "24"},
                                                {"--headers", "6"}, {"--seed", "1"}, {"--jobs", "2"}};
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
  const auto value_of = [&](const std::string& option) {
    return static_cast<std::size_t>(std::stoul(options[option]));
  };
  const std::size_t sample = value_of("--sample"), header_count = value_of("--headers");
  std::vector<std::pair<fs::path, std::vector<Mutation>>> work;  // by header
  std::map<fs::path, std::vector<fs::path>> tests;
  for (const auto& room : fs::directory_iterator(source / "include/losses")) {
    const std::string name = room.path().filename().string();
    if (!room.is_directory() || (!options["--room"].empty() && options["--room"] != name)) continue;
    std::vector<fs::path> headers;
    for (const auto& header : fs::directory_iterator(room.path())) headers.push_back(header.path());
    std::sort(headers.begin(), headers.end());
    std::vector<Mutation> of_room;
    for (const fs::path& header : headers) {
      if (!options["--loss"].empty() && options["--loss"] != header.stem().string()) continue;
      tests[header] = tests_of(header, headers);
      if (tests[header].empty()) continue;
      for (Mutation& m : Finder(header).all()) of_room.push_back(std::move(m));
    }
    std::mt19937 random(static_cast<unsigned>(value_of("--seed")));
    for (std::size_t i = of_room.size(); i > 1; --i) std::swap(of_room[i - 1], of_room[random() % i]);
    std::set<fs::path> drawn;
    std::erase_if(of_room, [&](const Mutation& m) {
      if (header_count == 0 || drawn.size() < header_count) drawn.insert(m.header);
      return drawn.count(m.header) == 0;
    });
    if (sample != 0 && of_room.size() > sample) of_room.resize(sample);
    std::map<fs::path, std::vector<Mutation>> by_header;
    for (Mutation& m : of_room) by_header[m.header].push_back(std::move(m));
    work.insert(work.end(), by_header.begin(), by_header.end());
  }
  if (list) {
    for (const auto& [header, mutations] : work) {
      for (const Mutation& m : mutations) std::cout << place(m) << '\n';
    }
    return 0;
  }

  const fs::path temporary = fs::temp_directory_path() / ("losses_mutation_" + std::to_string(std::random_device()()));
  fs::create_directories(temporary);
  std::map<fs::path, std::string> shared;
  for (const auto& [header, mutations] : work) {
    for (const fs::path& test : tests[header]) {
      if (shared.count(test.parent_path()) == 0)
        shared[test.parent_path()] = shared_objects(test.parent_path(), temporary);
    }
  }

  std::map<std::string, Score> scores;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  const auto worker = [&](int number) {
    for (std::size_t i = next++; i < work.size(); i = next++) {
      const fs::path& header = work[i].first;
      std::vector<Mutation> left = work[i].second;
      const std::vector<fs::path>& all_tests = tests.at(header);
      for (auto test = all_tests.begin(); test != all_tests.end() && !left.empty(); ++test) {
        const bool is_last = std::next(test) == all_tests.end();
        std::vector<Mutation> survivors;
        Bench bench(header, *test, shared.at(test->parent_path()), temporary / std::to_string(number));
        bench.try_all(left, [&](const Mutation& m, Outcome outcome) {
          if (outcome == Outcome::survived && !is_last) {
            survivors.push_back(m);
            return;
          }
          const std::lock_guard lock(mutex);
          const std::string name = header.parent_path().filename().string();
          Score& score = scores[name];
          const bool compiles = outcome != Outcome::does_not_compile;
          score.invalid += !compiles;
          score.tried += compiles;
          score.caught += compiles && outcome != Outcome::survived;
          std::cout << name << ": " << names[static_cast<int>(outcome)] << ": " << place(m) << std::endl;
        });
        left = std::move(survivors);
      }
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
