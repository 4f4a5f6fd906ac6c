#pragma once
// Files for targets that read paths: an input is one file, or several, each begun by its name and ended by a line ====.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace zebra::fuzz {

namespace fs = std::filesystem;

inline constexpr std::string_view kBetween = "\n====\n";

// A folder of this process, in memory where the system has such a place, removed at its end.
inline const fs::path& folder() {
  struct Folder {
    fs::path path = (fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                    ("zebra_fuzz_" + std::to_string(::getpid()));
    Folder() { fs::create_directories(path); }
    ~Folder() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  };
  static const Folder one;
  return one.path;
}

inline fs::path put(const std::string& name, std::string_view bytes) {
  const fs::path path = folder() / name;
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

// Puts those files of `input` that have one of these names; the others are not there.
inline void put_parts(std::string_view input, const std::vector<std::string>& names) {
  for (const auto& name : names) fs::remove(folder() / name);
  while (!input.empty()) {
    const size_t end = std::min(input.find(kBetween), input.size());
    const std::string_view part = input.substr(0, end);
    const size_t line = std::min(part.find('\n'), part.size());
    for (const auto& name : names) {
      if (part.substr(0, line) == name) put(name, part.substr(std::min(line + 1, part.size())));
    }
    input.remove_prefix(std::min(end + kBetween.size(), input.size()));
  }
}

inline std::string parts(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string out;
  for (const auto& [name, bytes] : files)
    out.append(out.empty() ? "" : kBetween).append(name).append("\n").append(bytes);
  return out;
}

inline std::string_view text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The program's warnings go nowhere from here on. Reports of the sanitizers do not pass through this stream.
inline void without_warnings() {
  static std::FILE* const nowhere = std::fopen("/dev/null", "w");
  stderr = nowhere;
}

// What JSON is made of, and numbers that are hard to bear.
inline std::vector<std::string> json_words() {
  return {"{",
          "}",
          "[",
          "]",
          ":",
          ",",
          "\"",
          "\\",
          "\\u0000",
          "\\ud800",
          "\\n",
          "null",
          "true",
          "0",
          "-1",
          "1e308",
          "1.5",
          "{}",
          "[]",
          "\xff",
          "\xc3\xa9",
          " ",
          "\n",
          "",
          "[[[[",
          "{\"a\":",
          "1",
          "false",
          "1e999",
          "9223372036854775807",
          "9223372036854775808",
          "18446744073709551616",
          "4294967296",
          "-0",
          std::string(1, '\0'),
          "16777216",
          "65",
          "0.1",
          "\"\"",
          "\"a\":1,"};
}
inline std::vector<std::string> with_json_words(std::vector<std::string> words) {
  for (auto& word : json_words()) words.push_back(std::move(word));
  return words;
}

}  // namespace zebra::fuzz
