// Texts as JSON lines, plain, .gz and .zst. The first byte says which: p, g, z as the file is, G, Z packed first.
#include <zlib.h>
#include <zstd.h>

#include "base/error.h"
#include "data/documents.h"
#include "data/examples.h"
#include "data/json_lines.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"

namespace zebra::fuzz {

namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

fs::path file_of(std::string_view input) {
  const char kind = input.empty() ? 'p' : input[0];
  if (!input.empty()) input.remove_prefix(1);
  switch (kind) {
    case 'g':
      return put("x.jsonl.gz", input);
    case 'G':
      return put("x.jsonl.gz", gzip(input));
    case 'z':
      return put("x.jsonl.zst", input);
    case 'Z':
      return put("x.jsonl.zst", zstd(input));
    default:
      return put("x.jsonl", input);
  }
}

}  // namespace

std::vector<std::string> seeds() {
  const std::string texts = "{\"text\": \"one\"}\n\n{\"text\": \"two \\u00e9\", \"more\": [1]}\r\n{\"text\": \"\"}",
                    pairs = R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})"
                            "\n"
                            R"({"prompt": "p", "completion": "c", "chosen": "x", "rejected": "y"})"
                            "\n"
                            R"({"chosen": [{"role": "user", "content": "a"}], "rejected": []})";
  std::vector<std::string> out;
  for (const auto& text : {texts, pairs}) {
    for (const char* kind : {"p", "G", "Z"}) out.push_back(kind + text);
    out.push_back(std::string(1, 'g') + gzip(text));
    out.push_back(std::string(1, 'g') + gzip(text) + gzip(text));
    out.push_back(std::string(1, 'z') + zstd(text));
    out.push_back(std::string(1, 'z') + zstd(text) + zstd(text));
  }
  return out;
}
std::vector<std::string> words() {
  return with_json_words({"\"text\":", "\"messages\":", "\"role\":", "\"content\":", "\"prompt\":", "\"chosen\":",
                          "\"assistant\"", "\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\n{\"text\": \"a\"}\n", "\r\n"});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  const fs::path path = fuzz::file_of(fuzz::text(data, size));
  const auto attempt = [&](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input) __builtin_trap();
    }
  };
  size_t lines = 0;
  attempt([&] { read_documents(path, [&](const std::string&) { return ++lines < 1000; }); });
  attempt([&] {
    read_json_lines(path, [&](const Json& json, const std::string&) {
      if (!json.is_object()) __builtin_trap();
      return true;
    });
  });
  return 0;
}
