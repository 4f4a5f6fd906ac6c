#include "data/documents.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"
#include "data/byte_source.h"
#include "io/json.h"

namespace zebra {

namespace {

// One document, in bytes: what a hostile file can make us hold.
constexpr size_t kMaxDocument = size_t{256} << 20;

void read_whole(ByteSource& source, const std::string& where, const std::function<bool(const std::string&)>& each) {
  std::string text;
  std::string_view chunk;
  while (!(chunk = source.next()).empty()) {
    if (text.size() + chunk.size() > kMaxDocument) {
      fail_input(where, ": expected a document of at most ", kMaxDocument, " bytes, found more; split the file");
    }
    text += chunk;
  }
  if (!text.empty()) each(text);
}

// The "text" of one line; empty lines are passed over.
bool read_line(std::string_view line, const std::string& where, const std::function<bool(const std::string&)>& each) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
  const Json json = parse_json(line, where);
  if (!json.is_object()) fail_input(where, ": expected {\"text\": ..}, found ", json.dump().substr(0, 80));
  if (!json.contains("text")) {
    const char* advice = json.contains("messages") ? "; render chat messages to text first" : "";
    fail_input(where, ": key \"text\": expected a string, found no such key", advice);
  }
  return each(json_get<std::string>(json, "text", where));
}

void read_lines(ByteSource& source, const std::string& where, const std::function<bool(const std::string&)>& each) {
  std::string line;
  int64_t number = 1;
  const auto place = [&] { return cat(where, ", line ", number); };
  std::string_view chunk;
  while (!(chunk = source.next()).empty()) {
    while (!chunk.empty()) {
      const size_t end = std::min(chunk.find('\n'), chunk.size());
      if (line.size() + end > kMaxDocument) {
        fail_input(place(), ": expected a line of at most ", kMaxDocument, " bytes, found a longer one");
      }
      line += chunk.substr(0, end);
      if (end == chunk.size()) break;
      chunk.remove_prefix(end + 1);
      if (!read_line(line, place(), each)) return;
      line.clear();
      ++number;
    }
  }
  if (!line.empty()) read_line(line, place(), each);
}

}  // namespace

void read_documents(const fs::path& path, const std::function<bool(const std::string& text)>& each) {
  fs::path name = path.filename();
  if (name.extension() == ".gz" || name.extension() == ".zst") name = name.stem();
  if (name.extension() == ".xz") {
    fail_input(path.string(), ": expected plain, .gz or .zst, found .xz: unpack it with xz -d");
  }
  const std::string kind = name.extension().string();
  if (kind != ".txt" && kind != ".jsonl" && kind != ".json") {
    fail_input(path.string(), ": expected .jsonl or .txt (or these with .gz or .zst), found \"", kind, "\"");
  }
  const auto source = ByteSource::open(path);
  if (kind == ".txt") {
    read_whole(*source, path.string(), each);
  } else {
    read_lines(*source, path.string(), each);
  }
}

TokenBlock pack_documents(const std::vector<fs::path>& files, const Tokenizer& tokenizer, const Packing& packing) {
  const int64_t length = packing.length;
  if (length < 1) fail_usage("packing: expected rows of at least one token, found ", length);
  TokenBlock block{.length = length, .ids = {}};
  const size_t wanted = packing.limit > 0 ? static_cast<size_t>(packing.limit) : SIZE_MAX;
  for (const auto& file : files) {
    read_documents(file, [&](const std::string& text) {
      for (const int64_t id : tokenizer.encode(text, packing.bos)) block.ids.push_back(static_cast<int32_t>(id));
      if (packing.eos >= 0) block.ids.push_back(static_cast<int32_t>(packing.eos));
      return block.ids.size() < wanted;
    });
    if (block.ids.size() >= wanted) break;
  }
  const auto row = static_cast<size_t>(length);
  const size_t found = block.ids.size();
  block.ids.resize(std::min(found, wanted) / row * row);
  if (block.ids.empty()) {
    fail_input(files.empty() ? std::string("packing") : files.front().string(), ": expected text for a row of ", length,
               " tokens, found ", found, " tokens in all: give more text or a shorter length");
  }
  return block;
}

ShuffledOrder::ShuffledOrder(int64_t count, uint64_t seed) : count_(count), seed_(seed) {
  if (count < 1) fail_input("shuffling: expected at least one row, found ", count);
}

int64_t ShuffledOrder::operator()(int64_t position) {
  const int64_t epoch = position / count_;
  if (epoch != epoch_) {
    epoch_ = epoch;
    permutation_.resize(static_cast<size_t>(count_));
    std::iota(permutation_.begin(), permutation_.end(), int64_t{0});
    Rng rng(seed_, static_cast<uint64_t>(epoch));
    for (size_t i = permutation_.size(); i > 1; --i) std::swap(permutation_[i - 1], permutation_[rng.below(i)]);
  }
  return permutation_[static_cast<size_t>(position % count_)];
}

}  // namespace zebra
