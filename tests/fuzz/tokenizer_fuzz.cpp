// tokenizer.json with tokenizer_config.json: what is accepted cuts texts into ids that it knows, and puts any ids
// together again.
#include "base/error.h"
#include "base/log.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "tokenizer/tokenizer.h"

namespace zebra::fuzz {

namespace {

const std::vector<std::string> kFiles = {"tokenizer.json", "tokenizer_config.json"};
const std::string kConfig = R"({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "model_max_length": 99})";

}  // namespace

std::vector<std::string> seeds() {
  const std::string small =
      R"({"version": "1.0", "added_tokens": [{"id": 5, "content": "<s>", "special": true},)"
      R"({"id": 6, "content": "ab ", "lstrip": true, "rstrip": true, "normalized": true}], "normalizer":)"
      R"({"type": "Lowercase"}, "pre_tokenizer": {"type": "ByteLevel"}, "decoder": {"type": "ByteLevel"},)"
      R"("post_processor": null, "model": {"type": "BPE", "unk_token": "a", "vocab": {"a": 0, "b": 1,)"
      R"("ab": 2, "c": 3, "abc": 4}, "merges": ["a b", ["ab", "c"]]}})";
  const std::string late =
      R"({"model": {"merges": ["a b"], "vocab": {"a": 7, "b": 9, "ab": 8}, "byte_fallback": false}})";
  std::vector<std::string> out = {parts({{"tokenizer.json", small}, {"tokenizer_config.json", kConfig}}),
                                  parts({{"tokenizer.json", small}}), parts({{"tokenizer.json", late}})};
  for (const char* name : {"byte_level", "sentencepiece"}) {
    out.push_back(
        parts({{"tokenizer.json", read_file(fs::path("tests/golden/tokenizer") / (std::string(name) + ".json"))},
               {"tokenizer_config.json", kConfig}}));
  }
  return out;
}
std::vector<std::string> words() {
  return with_json_words({"\"model\":",
                          "\"vocab\":",
                          "\"merges\":",
                          "\"added_tokens\":",
                          "\"content\":",
                          "\"id\":",
                          "\"special\": true",
                          "\"normalizer\":",
                          "\"pre_tokenizer\":",
                          "\"decoder\":",
                          "\"post_processor\":",
                          "\"type\":",
                          "\"Sequence\"",
                          "\"Split\"",
                          "\"Regex\":",
                          "\"String\":",
                          "\"pattern\":",
                          "\"Replace\"",
                          "\"Prepend\"",
                          "\"NFC\"",
                          "\"Metaspace\"",
                          "\"Digits\"",
                          "\"behavior\":",
                          "\"TemplateProcessing\"",
                          "\"single\":",
                          "\"ByteFallback\"",
                          "\"Fuse\"",
                          "\"Strip\"",
                          "\"unk_token\":",
                          "\"byte_fallback\": true",
                          "\"ignore_merges\": true",
                          "\\\\p{L}+",
                          "(?i:",
                          "|",
                          "a b",
                          "<0x41>",
                          "\"bos_token\":",
                          "tokenizer_config.json\n",
                          "\n====\n"});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  fuzz::without_warnings();
  fuzz::put_parts(fuzz::text(data, size), fuzz::kFiles);
  try {
    const Tokenizer tokenizer = Tokenizer::load(fuzz::folder());
    for (const char* text : {"ab abc  <s> caf\xc3\xa9 12 \n\n'll A\xff", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}) {
      const std::vector<int64_t> ids = tokenizer.encode(text, false);
      for (const int64_t id : ids) {
        if (id < 0 || id >= tokenizer.vocab_size()) __builtin_trap();
        tokenizer.token(id);
      }
      tokenizer.decode(ids, true);
    }
    tokenizer.decode({-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, INT64_MAX}, false);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  return 0;
}
