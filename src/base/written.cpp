#include "base/written.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

constexpr const char* kList = ".zebra-files";
constexpr const char* kFirstLine = "zebra-files 1";
constexpr size_t kLimit = 16 << 20;  // of a list, and of a file that is looked into

// Path below the folder -> bytes.
using Files = std::map<std::string, uintmax_t>;

// Folders that are empty, links, pipes and the like have no place in an output: they come with an unlikely size.
constexpr uintmax_t kNoFile = static_cast<uintmax_t>(-1);

// No output has so many. A disk that was named by mistake need not be read whole.
constexpr size_t kMostFiles = 100000;

Files files_in(const fs::path& folder) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (files.size() == kMostFiles) break;
    const std::string name = entry.path().lexically_relative(folder).string();
    const bool link = entry.is_symlink();
    if (!link && entry.is_directory()) {
      if (fs::is_empty(entry.path())) files[name] = kNoFile;
    } else {
      files[name] = !link && entry.is_regular_file() ? entry.file_size() : kNoFile;
    }
  }
  return files;
}

std::optional<std::string> small_file(const fs::path& path) {
  std::error_code error;
  if (fs::symlink_status(path, error).type() != fs::file_type::regular || fs::file_size(path, error) > kLimit)
    return {};
  return read_file(path, kLimit);
}

// Lines "BYTES NAME" behind the first; nothing if it is another file.
std::optional<Files> read_list(const fs::path& path) {
  const auto text = small_file(path);
  if (!text) return std::nullopt;
  const auto lines = split(*text, '\n');
  if (lines.empty() || lines.front() != kFirstLine) return std::nullopt;
  Files files;
  for (const std::string& line : lines) {
    const size_t space = line.find(' ');
    const std::string bytes = line.substr(0, space);
    const bool number = !bytes.empty() && bytes.size() < 19 && bytes.find_first_not_of("0123456789") == bytes.npos;
    if (number && space != line.npos) files[line.substr(space + 1)] = std::stoull(bytes);
  }
  return files;
}

std::string not_written(const std::string& name) {
  return "\"" + name + "\" in it was not written by zebra";
}

std::string compared(const Files& found, const Files& listed) {
  for (const auto& [name, bytes] : found) {
    if (name == kList) continue;
    const auto known = listed.find(name);
    if (known == listed.end()) return not_written(name);
    if (known->second != bytes) return "\"" + name + "\" in it was changed since zebra wrote it";
  }
  return "";
}

// What version 0.1 wrote into folders of models and tokenizers.
bool is_early_name(const std::string& name) {
  static const std::set<std::string> kNames = {
      "config.json",    "hybrid_config.json", "MLA_config.json", "mla_layer_config.json",
      "README.md",      "report.html",        "pruning.json",    "model.safetensors.index.json",
      "selection.json", "selection.svg",      "metrics.jsonl",   "model.safetensors"};
  static const char* const kBegins[] = {
      "tokenizer",     "special_tokens_map",         "added_tokens", "generation_config",
      "chat_template", "additional_chat_templates/", "vocab",        "merges"};
  if (kNames.count(name)) return true;
  if (name.starts_with("model-") && name.ends_with(".safetensors") && name.find("-of-") != name.npos) return true;
  const bool below = name.find('/') != name.npos && !name.starts_with("additional_chat_templates/");
  return !below && std::any_of(std::begin(kBegins), std::end(kBegins),
                               [&](const char* begin) { return name.starts_with(begin); });
}

// A world of tasks: TASK/SPLIT.jsonl. The public data sets look the same but for their first key.
bool is_early_world(const fs::path& folder, const Files& files) {
  static const std::set<std::string> kSplits = {"train.jsonl", "dev.jsonl", "validation.jsonl", "test.jsonl"};
  for (const auto& [name, bytes] : files) {
    const size_t slash = name.find('/');
    if (slash == name.npos || bytes == kNoFile || !kSplits.count(name.substr(slash + 1))) return false;
  }
  const auto questions = small_file(folder / "arc_easy" / "test.jsonl");
  return files.count("lambada_openai/test.jsonl") && questions && questions->starts_with("{\"question\":\"");
}

// Cards tell how a folder was made; an exported one has no card, but AMD's files, and a tokenizer two files.
bool has_early_mark(const fs::path& folder, const Files& files) {
  if (files.count("README.md")) {
    const auto card = small_file(folder / "README.md");
    return card && card->find("\n## How it was made\n") != card->npos;
  }
  if (files.count("hybrid_config.json") || files.count("MLA_config.json")) return true;
  const auto tokenizer = small_file(folder / "tokenizer_config.json");
  return files.size() == 2 && files.count("tokenizer.json") && tokenizer &&
         tokenizer->starts_with("{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"bos_token\": ") &&
         tokenizer->find("\"clean_up_tokenization_spaces\": false\n}\n") != tokenizer->npos;
}

std::string early_foreign_part(const fs::path& folder, const Files& files) {
  if (is_early_world(folder, files)) return "";
  for (const auto& [name, bytes] : files) {
    if (bytes == kNoFile || !is_early_name(name)) return not_written(name);
  }
  if (has_early_mark(folder, files)) return "";
  return not_written(files.count("README.md") ? "README.md" : files.begin()->first);
}

}  // namespace

void list_files(const fs::path& folder) {
  std::string text = std::string(kFirstLine) + "\n";
  for (const auto& [name, bytes] : files_in(folder)) text += cat(bytes, " ", name, "\n");
  write_file(folder / kList, text);
}

std::string foreign_part(const fs::path& folder) {
  const Files files = files_in(folder);
  if (files.empty()) return "";
  const auto listed = read_list(folder / kList);
  return listed ? compared(files, *listed) : early_foreign_part(folder, files);
}

}  // namespace zebra
