#include "data/documents.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "base/rng.h"
#include "data/byte_source.h"
#include "data/json_lines.h"

namespace zebra {

namespace {

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

std::string text_of(const Json& object, const std::string& where) {
  if (!object.contains("text")) {
    const char* advice = object.contains("messages") ? "; render chat messages to text first" : "";
    fail_input(where, ": key \"text\": expected a string, found no such key", advice);
  }
  return json_get<std::string>(object, "text", where);
}

// Short files first: each is read up to an equal part of what is still wanted, so that what they lack falls to the
// others.
std::vector<fs::path> by_size(std::vector<fs::path> files) {
  const auto size = [](const fs::path& file) {
    std::error_code none;  // whoever reads it says what is wrong
    return fs::file_size(file, none);
  };
  std::stable_sort(files.begin(), files.end(), [&](const auto& a, const auto& b) { return size(a) < size(b); });
  return files;
}

constexpr size_t kBatchTokens = size_t{4} << 20;  // encoded at once, about

std::vector<std::vector<int64_t>> encode_all(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                                             bool bos) {
  std::vector<std::vector<int64_t>> out(texts.size());
  const size_t threads = std::clamp<size_t>(texts.size() / 64, 1, std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::future<void>> parts;
  for (size_t t = 0; t < threads; ++t) {
    const size_t begin = texts.size() * t / threads, end = texts.size() * (t + 1) / threads;
    parts.push_back(std::async(threads > 1 ? std::launch::async : std::launch::deferred, [&, begin, end] {
      for (size_t i = begin; i < end; ++i) out[i] = tokenizer.encode(texts[i], bos);
    }));
  }
  for (auto& part : parts) part.wait();  // all of them, before an error of one leaves
  for (auto& part : parts) part.get();
  return out;
}

}  // namespace

void read_documents(const fs::path& path, const std::function<bool(const std::string& text)>& each) {
  const std::string kind = text_kind(path);
  if (kind != ".txt" && kind != ".jsonl" && kind != ".json") {
    fail_input(path.string(), ": expected .jsonl or .txt (or these with .gz or .zst), found \"", kind, "\"");
  }
  if (kind == ".txt") {
    read_whole(*ByteSource::open(path), path.string(), each);
  } else {
    read_json_lines(path, [&](const Json& object, const std::string& where) { return each(text_of(object, where)); });
  }
}

TokenBlock pack_documents(const std::vector<fs::path>& files, const Tokenizer& tokenizer, const Packing& packing) {
  const int64_t length = packing.length;
  if (length < 1) fail_usage("packing: expected rows of at least one token, found ", length);
  TokenBlock block{.length = length, .ids = {}};
  // At least a row, as a run of fewer tokens reads one.
  const size_t wanted = packing.limit > 0 ? static_cast<size_t>(std::max(packing.limit, length)) : SIZE_MAX;
  size_t part = 0;  // wanted of the files so far
  std::vector<std::string> texts;
  size_t bytes = 0;
  const auto encode = [&] {
    for (const auto& ids : encode_all(texts, tokenizer, packing.bos)) {
      if (block.ids.size() >= part) break;
      const size_t first = block.ids.size();
      for (const int64_t id : ids) block.ids.push_back(static_cast<int32_t>(id));
      if (packing.eos >= 0) block.ids.push_back(static_cast<int32_t>(packing.eos));
      block.starts.resize(block.ids.size(), 0);
      if (block.ids.size() > first) block.starts[first] = 1;
    }
    texts.clear(), bytes = 0;
    return block.ids.size() < part;
  };
  size_t left = files.size();
  for (const auto& file : packing.limit > 0 ? by_size(files) : files) {
    if (block.ids.size() >= wanted) break;
    part = block.ids.size() + (wanted - block.ids.size()) / left--;
    read_documents(file, [&](const std::string& text) {
      texts.push_back(text), bytes += text.size();
      return bytes / 4 < std::min(kBatchTokens, part - block.ids.size()) || encode();
    });
    encode();
  }
  const auto row = static_cast<size_t>(length);
  const size_t found = block.ids.size();
  block.ids.resize(std::min(found, wanted) / row * row);
  block.starts.resize(block.ids.size());
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
  if (position < 0) fail(ErrorKind::runtime, "shuffling: expected a row from 0 on, found ", position);
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
