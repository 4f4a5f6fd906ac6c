#pragma once
// Small folders for the tests of training: a random teacher, a hybrid student, a tokenizer of letters.
#include <string>

#include "base/error.h"
#include "io/json.h"
#include "model/checkpoint.h"
#include "support/scratch.h"

namespace zebra::testing_support {

inline ModelConfig teacher_config(int64_t vocab = 30) {
  ModelConfig config;
  config.model_type = "llama";
  config.vocab = vocab, config.hidden = 16, config.intermediate = 24, config.max_position = 64, config.tied = true;
  config.bos = 0;
  config.eos = {1};
  config.mixers.assign(2, AttentionConfig{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4});
  return config;
}

inline ModelConfig student_config(int64_t vocab = 30) {
  ModelConfig config = teacher_config(vocab);
  config.format = Format::zebra_llama;
  config.mixers[0] = Mamba2Config{.hidden = 16, .heads = 4, .kv_heads = 2, .head_dim = 4};
  config.mixers[1] =
      MlaConfig{.hidden = 16, .heads = 4, .kv_heads = 2, .kv_rank = 8, .nope_dim = 4, .rope_dim = 2, .v_dim = 4};
  return config;
}

// <s>, </s>, the letters, a space; every character is a token.
inline void write_tokenizer(const fs::path& folder) {
  Json vocab = {{"<s>", 0}, {"</s>", 1}, {"\u0120", 2}};
  for (char c = 'a'; c <= 'z'; ++c) vocab[std::string(1, c)] = 3 + c - 'a';
  vocab["."] = 29;
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const auto special = [](const char* text, int id) {
    return Json{{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
                {"rstrip", false}, {"normalized", false}, {"special", true}};
  };
  Json json;
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["added_tokens"] = {special("<s>", 0), special("</s>", 1)};
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = byte_level;
  json["post_processor"] = nullptr;
  json["decoder"] = byte_level;
  json["model"] = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", nullptr},
                   {"end_of_word_suffix", nullptr},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"vocab", vocab},
                   {"merges", Json::array()}};
  write_json(folder / "tokenizer.json", json);
  write_json(folder / "tokenizer_config.json", Json{{"bos_token", "<s>"}, {"eos_token", "</s>"}});
}

inline void write_text(const fs::path& path, int64_t documents) {
  std::string text;
  for (int64_t i = 0; i < documents; ++i) {
    std::string words;
    for (int64_t j = 0; j < 12; ++j) words += cat(j ? " " : "", "ab", char('c' + (i + j) % 5), char('h' + j % 3));
    text += Json{{"text", words + "."}}.dump() + "\n";
  }
  write_file(path, text);
}

inline void write_model(const fs::path& folder, const ModelConfig& config, uint64_t seed) {
  fs::create_directories(folder);
  Model model(config);
  initialise_random(model, seed, 0.2);
  save_model(folder, model);
  write_tokenizer(folder);
}

}  // namespace zebra::testing_support
