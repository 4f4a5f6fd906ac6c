// Config files: what each spelling means, what is refused, and that what is written is read back.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/rng.h"
#include "model/adapters.h"
#include "model/checkpoint.h"
#include "model/rope_json.h"
#include "support/scratch.h"

namespace zebra {
namespace {

const Json kLlama = Json::parse(R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 320, "hidden_size": 64,
  "intermediate_size": 160, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 4,
  "max_position_embeddings": 2048, "rms_norm_eps": 1e-05, "rope_theta": 500000.0, "rope_scaling": null,
  "hidden_act": "silu", "tie_word_embeddings": false, "attention_bias": false, "bos_token_id": 1, "eos_token_id": 2,
  "torch_dtype": "bfloat16", "my_own": {"kept": [1, 2]}})");

const Json kHybrid = Json::parse(R"({
  "hidden_size": 64, "intermediate_size": 160, "hidden_act": "silu", "n_layer": 4, "mla_layers": [2, 0],
  "rms_norm_eps": 1e-05, "num_attention_heads": 8, "num_key_value_heads": 4, "kv_lora_rank": 16, "q_lora_rank": 48,
  "use_lora_layer_norm": true, "use_full_kv_head": false, "qk_rope_head_dim": 4, "v_head_dim": 8,
  "qk_nope_head_dim": 4, "qkv_rank_divisor": 8, "max_position_embeddings": 1024, "rope_theta": 500000.0,
  "rope_scaling": {"factor": 32.0, "original_max_position_embeddings": 64, "rope_type": "yarn", "note": "kept"},
  "attention_bias": false, "attention_dropout": 0.0, "rope_type": "yarn", "d_model": 64,
  "ssm_cfg": {"expand": 1, "ngroups": 8, "d_state": 8, "repeat_kv_before_conv": true}, "d_inner": 64, "d_xb": 32})");

const Json kEco = Json::parse(R"({"d_model": 64, "rms_norm_eps": 1e-05, "vocab_size": null, "d_inner": 64, "d_xb": 32,
  "intermediate_size": 160, "hidden_act": "silu", "n_layer": 4, "attn_layers": [1]})");

const Json kEcoMla = Json::parse(R"({"hidden_size": 64, "num_attention_heads": 8, "llama_num_key_value_heads": 4,
  "mla_num_key_value_heads": 4, "kv_lora_rank": 8, "q_lora_rank": 40, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4,
  "v_head_dim": 8, "max_position_embeddings": 2048, "rope_theta": 500000.0, "model_type": "deepseek_v3",
  "layer_rank_list": {"2": {"kv_rank": 24, "q_rank": null}},
  "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 32.0, "mscale": 1.0, "mscale_all_dim": 0.7,
                   "type": "yarn"}})");

Json with(Json base, const std::string& changes) {
  base.merge_patch(Json::parse(changes));
  return base;
}
// merge_patch removes keys whose new value is null; this sets them to null.
Json with_null(Json base, const std::string& key) {
  base[key] = nullptr;
  return base;
}

ModelConfig read(const Json& config, const Json& hybrid = nullptr, const Json& mla = nullptr) {
  const ScratchFolder folder;
  folder.put("config.json", config.dump());
  if (!hybrid.is_null()) folder.put(mla.is_null() ? "hybrid_config.json" : "MLA_config.json", hybrid.dump());
  if (!mla.is_null()) folder.put("mla_layer_config.json", mla.dump());
  return read_config(folder.path);
}

// The error of reading, which must be a sentence about the input that has all `words`.
void expect_refused(const std::vector<std::string>& words, const Json& config, const Json& hybrid = nullptr,
                    const Json& mla = nullptr) {
  try {
    read(config, hybrid, mla);
    ADD_FAILURE() << "read without error: " << words.front();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    for (const auto& word : words) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word << " in: " << error.what();
    }
  }
}

const AttentionConfig& attention(const ModelConfig& model, size_t layer) {
  return model.mixers.at(layer).get<AttentionConfig>();
}
const MlaConfig& mla(const ModelConfig& model, size_t layer) {
  return model.mixers.at(layer).get<MlaConfig>();
}

TEST(Config, Llama) {
  const ModelConfig model = read(kLlama);
  EXPECT_EQ(model.format, Format::huggingface);
  EXPECT_EQ(model.layers(), 4);
  EXPECT_EQ(model.vocab, 320);
  EXPECT_EQ(model.dtype, "bfloat16");
  EXPECT_EQ(model.bos, 1);
  EXPECT_EQ(model.eos, std::vector<int64_t>{2});
  EXPECT_DOUBLE_EQ(model.norm_eps, 1e-5);
  const auto& c = attention(model, 3);
  EXPECT_EQ(c.heads, 8);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_EQ(c.head_dim, 8);
  EXPECT_FALSE(c.qkv_bias);
  EXPECT_EQ(c.rope.type, RopeConfig::Type::standard);
  EXPECT_EQ(c.rope.theta, 500000);
  EXPECT_EQ(c.rope.layout, RopeConfig::Layout::half);
}

TEST(Config, BothSpellingsOfTransformers) {
  const auto old_one = read(with(kLlama, R"({"rope_scaling": {"factor": 32.0, "low_freq_factor": 1.0,
      "high_freq_factor": 4.0, "original_max_position_embeddings": 64, "rope_type": "llama3"}})"));
  Json spelled = kLlama;
  for (const char* key : {"rope_theta", "rope_scaling", "torch_dtype"}) spelled.erase(key);
  const auto new_one = read(with(spelled, R"({"dtype": "bfloat16", "rope_parameters": {"factor": 32.0,
      "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64, "rope_type": "llama3",
      "rope_theta": 500000.0}})"));
  EXPECT_EQ(old_one.mixers, new_one.mixers);
  EXPECT_EQ(old_one.dtype, new_one.dtype);
  const auto& rope = attention(new_one, 0).rope;
  EXPECT_EQ(rope.type, RopeConfig::Type::llama3);
  EXPECT_EQ(rope.theta, 500000);
  EXPECT_EQ(rope.factor, 32);
  EXPECT_EQ(rope.original_max_position, 64);
}

TEST(Config, RopeKinds) {
  auto rope = attention(read(with(kLlama, R"({"rope_scaling": {"type": "linear", "factor": 2}})")), 0).rope;
  EXPECT_EQ(rope.type, RopeConfig::Type::linear);
  EXPECT_EQ(rope.factor, 2);
  rope = attention(read(with(kLlama, R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2.5}})")), 0).rope;
  EXPECT_EQ(rope.type, RopeConfig::Type::dynamic);
  EXPECT_EQ(rope.max_position, 2048);
  rope = attention(read(with(kLlama, R"({"rope_scaling": {"rope_type": "yarn", "factor": 4, "truncate": false,
      "original_max_position_embeddings": 512, "attention_factor": 1.5, "beta_fast": 16, "mscale": 0.7}})")),
                   0)
             .rope;
  EXPECT_EQ(rope.type, RopeConfig::Type::yarn);
  EXPECT_EQ(rope.yarn, RopeConfig::Yarn::transformers);
  EXPECT_EQ(rope.attention_factor, 1.5);
  EXPECT_EQ(rope.beta_fast, 16);
  EXPECT_EQ(rope.mscale, 0.7);
  EXPECT_FALSE(rope.truncate);
  EXPECT_EQ(rope.original_max_position, 512);
}

TEST(Config, Families) {
  const auto mistral = read(with(kLlama, R"({"model_type": "mistral", "sliding_window": 7, "head_dim": 16})"));
  EXPECT_EQ(attention(mistral, 0).sliding_window, 7);
  EXPECT_EQ(attention(mistral, 0).head_dim, 16);
  EXPECT_EQ(
      attention(read(with_null(with(kLlama, R"({"model_type": "mistral"})"), "sliding_window")), 0).sliding_window, 0);
  EXPECT_EQ(attention(read(with(kLlama, R"({"model_type": "mistral"})")), 0).sliding_window, 4096);

  const auto qwen2 = read(with(kLlama, R"({"model_type": "qwen2", "sliding_window": 5, "use_sliding_window": true,
      "max_window_layers": 3})"));
  EXPECT_TRUE(attention(qwen2, 0).qkv_bias);
  EXPECT_FALSE(attention(qwen2, 0).out_bias);
  EXPECT_EQ(attention(qwen2, 2).sliding_window, 0);
  EXPECT_EQ(attention(qwen2, 3).sliding_window, 5);
  EXPECT_EQ(attention(read(with(kLlama, R"({"model_type": "qwen2", "sliding_window": 5, "max_window_layers": 0})")), 0)
                .sliding_window,
            0);  // use_sliding_window is false
  const auto typed = read(with(kLlama, R"({"model_type": "qwen3", "sliding_window": 5, "use_sliding_window": true,
      "layer_types": ["sliding_attention", "full_attention", "full_attention", "sliding_attention"]})"));
  EXPECT_EQ(attention(typed, 0).sliding_window, 5);
  EXPECT_EQ(attention(typed, 1).sliding_window, 0);
  EXPECT_TRUE(attention(typed, 0).qk_norm);
  EXPECT_EQ(attention(typed, 0).head_dim, 128);
  EXPECT_DOUBLE_EQ(attention(typed, 0).norm_eps, 1e-5);

  const Json qwen = with(kLlama, R"({"model_type": "qwen3", "sliding_window": 0})");
  EXPECT_EQ(attention(read(qwen), 3).sliding_window, 0);  // not in use
  EXPECT_EQ(attention(read(with(qwen, R"({"use_sliding_window": false})")), 3).sliding_window, 0);
  expect_refused({"sliding_window", "found 0"}, with(qwen, R"({"use_sliding_window": true})"));
  const std::string listed = R"({"layer_types": ["full_attention", "sliding_attention", "full_attention",
      "full_attention"]})";
  expect_refused({"layer_types", "no sliding window"}, with(qwen, listed));
  expect_refused({"layer_types", "no sliding window"}, with(kLlama, listed));

  const auto ministral = read(with(with(kLlama, R"({"model_type": "mistral", "sliding_window": 7})"), listed));
  EXPECT_EQ(attention(ministral, 0).sliding_window, 0);
  EXPECT_EQ(attention(ministral, 1).sliding_window, 7);
  EXPECT_EQ(ministral.windows, (std::vector<int64_t>{0, 7, 0, 0}));

  const auto biased = read(with(kLlama, R"({"attention_bias": true, "mlp_bias": true, "hidden_act": "gelu"})"));
  EXPECT_TRUE(attention(biased, 0).qkv_bias && attention(biased, 0).out_bias && biased.mlp_bias);
  EXPECT_EQ(biased.hidden_act, "gelu");
}

TEST(Config, StopTokensOfGenerationGoFirst) {
  const ScratchFolder folder;
  folder.put("config.json", with_null(kLlama, "bos_token_id").dump());
  folder.put("generation_config.json", R"({"bos_token_id": 5, "eos_token_id": [7, 8]})");
  const ModelConfig model = read_config(folder.path);
  EXPECT_EQ(model.eos, (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(model.bos, 5);
  folder.put("generation_config.json", R"({"eos_token_id": 9})");
  EXPECT_EQ(read_config(folder.path).eos, std::vector<int64_t>{9});
}

TEST(Config, ZebraLlama) {
  const ModelConfig model = read(kLlama, kHybrid);
  EXPECT_EQ(model.format, Format::zebra_llama);
  const auto& c = mla(model, 2);
  EXPECT_EQ(c.kv_rank, 16);
  EXPECT_EQ(c.q_rank, 48);
  EXPECT_EQ(c.kv_heads, 4);
  EXPECT_TRUE(c.lora_norm);
  EXPECT_EQ(c.rope.layout, RopeConfig::Layout::interleaved);
  EXPECT_EQ(c.rope.yarn, RopeConfig::Yarn::deepseek);
  EXPECT_EQ(c.rope.type, RopeConfig::Type::yarn);
  EXPECT_EQ(c.rope.original_max_position, 64);
  EXPECT_EQ(c.rope.max_position, 1024);
  const auto& m = model.mixers[1].get<Mamba2Config>();
  EXPECT_EQ(m.heads, 8);
  EXPECT_EQ(m.kv_heads, 4);
  EXPECT_EQ(m.head_dim, 8);
  EXPECT_TRUE(m.repeat_kv_before_conv);
  EXPECT_EQ(mla(read(kLlama, with(kHybrid, R"({"use_full_kv_head": true})")), 0).kv_heads, 8);
  EXPECT_EQ(mla(read(kLlama, with_null(kHybrid, "rope_scaling")), 0).rope.type, RopeConfig::Type::standard);
  EXPECT_EQ(mla(read(kLlama, with_null(kHybrid, "q_lora_rank")), 0).q_rank, 0);
  // DeepSeek's default where YaRN does not say it.
  EXPECT_EQ(mla(read(kLlama, with(kHybrid, R"({"rope_scaling": {"original_max_position_embeddings": null}})")), 0)
                .rope.original_max_position,
            4096);
}

TEST(Config, XEcoMla) {
  const ModelConfig model = read(kLlama, kEco, kEcoMla);
  EXPECT_EQ(model.format, Format::x_ecomla);
  EXPECT_EQ(attention(model, 1).kv_heads, 4);
  EXPECT_EQ(mla(model, 0).kv_heads, 8);  // full heads whatever mla_num_key_value_heads says
  EXPECT_EQ(mla(model, 0).kv_rank, 8);
  EXPECT_EQ(mla(model, 0).q_rank, 40);
  EXPECT_EQ(mla(model, 2).kv_rank, 24);
  EXPECT_EQ(mla(model, 2).q_rank, 0);
  EXPECT_EQ(mla(model, 3).kv_rank, 24);  // the ranks of the last named layer, as AMD's code has it
  EXPECT_EQ(mla(model, 0).rope.original_max_position, 4096);
  EXPECT_EQ(mla(model, 0).rope.mscale_all_dim, 0.7);
}

TEST(Config, CacheCost) {
  const CacheCost llama = cache_cost(read(kLlama));
  EXPECT_EQ(llama.per_token, 4 * 2 * 32 * 2);
  EXPECT_EQ(llama.per_sequence, 0);
  EXPECT_EQ(llama.percent(), 100);
  const CacheCost zebra = cache_cost(read(kLlama, kHybrid));
  EXPECT_EQ(zebra.per_token, 2 * (16 + 4) * 2);
  EXPECT_EQ(zebra.per_sequence, 2 * (4 * 8 * 8 * 8 + 2 * 3 * 64 * 3));  // fp32 states, 16-bit convolution inputs
  EXPECT_EQ(zebra.base_per_token, llama.per_token);
  EXPECT_DOUBLE_EQ(zebra.percent(), 100.0 * 40 / 256);
}

TEST(Config, Refusals) {
  const auto changed = [](const std::string& changes) { return with(kLlama, changes); };
  expect_refused({"model_type", "llama, mistral, qwen2, qwen3", "\"gpt2\""}, changed(R"({"model_type": "gpt2"})"));
  expect_refused({"\"model_type\"", "no such key"}, changed(R"({"model_type": null})"));
  expect_refused({"rope_type", "default, linear, dynamic, llama3, yarn", "\"longrope\""},
                 changed(R"({"rope_scaling": {"rope_type": "longrope", "factor": 2}})"));
  expect_refused({"\"factor\""}, changed(R"({"rope_scaling": {"rope_type": "linear"}})"));
  expect_refused({"\"factor\"", "positive", "-2"},
                 changed(R"({"rope_scaling": {"rope_type": "linear", "factor": -2}})"));
  expect_refused({"hidden_act", "\"mish\""}, changed(R"({"hidden_act": "mish"})"));
  expect_refused({"quantization_config"}, changed(R"({"quantization_config": {"bits": 4}})"));
  expect_refused({"partial_rotary_factor", "0.5"}, changed(R"({"partial_rotary_factor": 0.5})"));
  expect_refused({"torch_dtype", "\"float8\""}, changed(R"({"torch_dtype": "float8"})"));
  expect_refused({"hidden_size", "found 0"}, changed(R"({"hidden_size": 0})"));
  expect_refused({"hidden_size", "multiple of num_attention_heads"}, changed(R"({"hidden_size": 63})"));
  expect_refused({"num_key_value_heads", "3"}, changed(R"({"num_key_value_heads": 3})"));
  expect_refused({"num_hidden_layers", "-1"}, changed(R"({"num_hidden_layers": -1})"));
  expect_refused({"num_hidden_layers", "999999999"}, changed(R"({"num_hidden_layers": 999999999})"));
  expect_refused({"vocab_size", "an integer", "\"many\""}, changed(R"({"vocab_size": "many"})"));
}

TEST(Config, RefusalsOfHybrids) {
  const auto zebra = [](const std::string& changes) { return with(kHybrid, changes); };
  expect_refused({"hybrid_config.json", "n_layer", "expected 4", "found 5"}, kLlama, zebra(R"({"n_layer": 5})"));
  expect_refused({"mla_layers", "0 to 3"}, kLlama, zebra(R"({"mla_layers": [4]})"));
  expect_refused({"attn_layers"}, kLlama, zebra(R"({"attn_layers": [0]})"));
  expect_refused({"rms_norm_eps"}, kLlama, zebra(R"({"rms_norm_eps": 0.1})"));
  expect_refused({"d_inner", "64", "found 32"}, kLlama, zebra(R"({"d_inner": 32})"));
  expect_refused({"d_xb", "multiple"}, kLlama, zebra(R"({"d_xb": 33})"));
  expect_refused({"norm_before_gate"}, kLlama, zebra(R"({"ssm_cfg": {"norm_before_gate": true}})"));
  expect_refused({"qk_rope_head_dim", "multiple"}, kLlama, zebra(R"({"qk_rope_head_dim": 3})"));
  expect_refused({"rope_layout"}, kLlama, zebra(R"({"rope_layout": "spiral"})"));
  expect_refused({"rope_inv_freq"}, kLlama, zebra(R"({"rope_inv_freq": [1.0]})"));
  expect_refused({"layers", "ranks"}, kLlama, zebra(R"({"layers": {"0": {"ranks": 3}}})"));
  expect_refused({"layers", "\"1\""}, kLlama, zebra(R"({"layers": {"1": {"kv_lora_rank": 3}}})"));
  expect_refused({"mla_layer_config.json", "num_attention_heads"}, kLlama, kEco,
                 with(kEcoMla, R"({"num_attention_heads": 4})"));
  expect_refused({"kv_rank"}, kLlama, kEco, with(kEcoMla, R"({"layer_rank_list": {"0": {"q_rank": 3}}})"));
}

// Python writes Infinity and NaN bare. The key that holds one is what is wrong, not the JSON.
TEST(Config, NumbersThatOnlyPythonWrites) {
  const auto text = [](const std::string& key, const std::string& value) {
    std::string all = with(kLlama, "{\"" + key + "\": \"@\"}").dump();
    return all.replace(all.find("\"@\""), 3, value);
  };
  const auto error_of = [](const std::string& config) -> std::string {
    const ScratchFolder folder;
    folder.put("config.json", config);
    try {
      read_config(folder.path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const char* value : {"Infinity", "-Infinity", "NaN"}) {
    const std::string error = error_of(text("rope_theta", value));
    EXPECT_NE(error.find(cat("\"rope_theta\"")), std::string::npos) << error;
    EXPECT_NE(error.find(cat("\"", value, "\"")), std::string::npos) << error;
  }
  std::string mamba = text("time_step_limit", "[0.0, Infinity]");
  mamba.replace(mamba.find("\"llama\""), 7, "\"mamba2\"");
  EXPECT_NE(error_of(mamba).find("expected one of llama"), std::string::npos) << error_of(mamba);
  EXPECT_EQ(error_of(text("_name_or_path", "\"To \\\"Infinity\\\" and NaN\"")), "");
  EXPECT_NE(error_of(text("rope_theta", "Infinit")).find("expected JSON"), std::string::npos);
}

TEST(Config, FoldersThatAreNoModels) {
  const ScratchFolder folder;
  const auto error_of = [](const fs::path& path) -> std::string {
    try {
      read_config(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      return error.what();
    }
    return "";
  };
  EXPECT_NE(error_of(folder.path / "absent").find("expected a model folder"), std::string::npos);
  EXPECT_NE(error_of(folder.path).find("config.json"), std::string::npos);
  folder.put("config.json", "{\"model_type\": \"llama\", ");
  EXPECT_NE(error_of(folder.path).find("expected JSON"), std::string::npos);
  folder.put("config.json", "[1]");
  EXPECT_NE(error_of(folder.path).find("JSON object"), std::string::npos);
  folder.put("config.json", R"({"hidden_size": 1, "hidden_size": 2})");
  EXPECT_NE(error_of(folder.path).find("twice"), std::string::npos);
  folder.put("config.json", kLlama.dump());
  folder.put("hybrid_config.json", kHybrid.dump());
  folder.put("MLA_config.json", kEco.dump());
  EXPECT_NE(error_of(folder.path).find("found both"), std::string::npos);
}

// write == read, for the model and for the files' own words.
void expect_round_trip(const ModelConfig& model) {
  const ScratchFolder folder;
  write_config(folder.path, model);
  const ModelConfig back = read_config(folder.path);
  EXPECT_EQ(back.format, model.format);
  EXPECT_EQ(back.model_type, model.model_type);
  EXPECT_EQ(back.dtype, model.dtype);
  EXPECT_EQ(back.eos, model.eos);
  ASSERT_EQ(back.layers(), model.layers());
  EXPECT_DOUBLE_EQ(cache_cost(back).percent(), cache_cost(model).percent());
  const ScratchFolder again;
  write_config(again.path, back);
  for (const char* name : {"config.json", "hybrid_config.json", "MLA_config.json", "mla_layer_config.json"}) {
    ASSERT_EQ(fs::exists(folder.path / name), fs::exists(again.path / name));
    if (!fs::exists(folder.path / name)) continue;
    EXPECT_EQ(read_file(folder.path / name), read_file(again.path / name)) << name;
  }
}

TEST(Config, WritesWhatItReads) {
  expect_round_trip(read(kLlama));
  expect_round_trip(read(kLlama, kHybrid));
  expect_round_trip(read(kLlama, kEco, kEcoMla));
  const ScratchFolder folder;
  write_config(folder.path, read(kLlama));
  EXPECT_EQ(read_json(folder.path / "config.json"), kLlama);  // nothing changed, nothing rewritten
  write_config(folder.path, read(kLlama, kHybrid));
  EXPECT_EQ(read_json(folder.path / "hybrid_config.json")["rope_scaling"], kHybrid["rope_scaling"]);
}

TEST(Config, AHeadDimThatNoLongerFollowsIsSaid) {
  for (const int64_t hidden : {48, 50}) {  // 6 a head, and no whole number
    for (const Json& config : {kLlama, with_null(kLlama, "head_dim")}) {
      ModelConfig model = read(config);
      model.hidden = model.attention.hidden = hidden;
      for (auto& mixer : model.mixers) mixer.get<AttentionConfig>().hidden = hidden;
      const ScratchFolder folder;
      write_config(folder.path, model);
      EXPECT_EQ(read_json(folder.path / "config.json")["head_dim"], 8);
      EXPECT_EQ(read_config(folder.path).mixers, model.mixers);
    }
  }
}

TEST(Config, StudentsKeepTheTeachersWordsAndSayTheirOwn) {
  ModelConfig student = read(with(kLlama, R"({"rope_theta": null, "rope_scaling": null, "torch_dtype": null,
      "dtype": "float32", "rope_parameters": {"rope_type": "default", "rope_theta": 7000.0}})"));
  student.format = Format::zebra_llama;
  student.dtype = "bfloat16";
  MlaConfig c;
  c.hidden = 64, c.heads = 8, c.kv_heads = 4, c.kv_rank = 12, c.nope_dim = 8, c.rope_dim = 4, c.v_dim = 8;
  c.rope.theta = 7000;
  c.rope.inv_freq = {1.0, 0.1234567890123};
  c.sliding_window = 24;
  student.mixers[0] = c;
  c.kv_rank = 20, c.rope_dim = 6, c.rope.inv_freq = {1, 0.5, 0.25}, c.q_rank = 24;
  c.sliding_window = 0;
  student.mixers[3] = c;
  Mamba2Config m;
  m.hidden = 64, m.heads = 8, m.kv_heads = 4, m.head_dim = 8;
  student.mixers[1] = m;
  expect_round_trip(student);

  const ScratchFolder folder;
  write_config(folder.path, student);
  const ModelConfig back = read_config(folder.path);
  EXPECT_EQ(mla(back, 0).rope.inv_freq, mla(student, 0).rope.inv_freq);
  EXPECT_EQ(mla(back, 0).rope.layout, RopeConfig::Layout::half);
  EXPECT_EQ(mla(back, 0).q_rank, 0);
  EXPECT_EQ(mla(back, 3).q_rank, 24);
  EXPECT_EQ(mla(back, 3).kv_rank, 20);
  EXPECT_EQ(mla(back, 3).rope.inv_freq.size(), 3u);
  EXPECT_EQ(mla(back, 0).sliding_window, 24);
  EXPECT_EQ(mla(back, 3).sliding_window, 0);
  EXPECT_TRUE(back.mixers[2].is<AttentionConfig>());
  EXPECT_EQ(attention(back, 2).rope.theta, 7000);
  const Json config = read_json(folder.path / "config.json");
  EXPECT_EQ(config["my_own"], kLlama["my_own"]);
  EXPECT_EQ(config["rope_theta"], 7000.0);  // for programs that read transformers 4's keys only
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  const Json hybrid = read_json(folder.path / "hybrid_config.json");
  EXPECT_EQ(hybrid["attn_layers"], Json({2}));
  EXPECT_EQ(hybrid["rope_layout"], "half");

  // What AMD's format can say is said without keys of ours.
  for (const size_t layer : {0u, 3u}) {
    auto& own = student.mixers[layer].get<MlaConfig>();
    own.kv_rank = 16, own.q_rank = 48, own.rope_dim = 4, own.sliding_window = 0;
    own.rope = RopeConfig();
    own.rope.layout = RopeConfig::Layout::interleaved;
    own.rope.theta = 7000;
  }
  student.mixers[2] = m;
  expect_round_trip(student);
  write_config(folder.path, student);
  const Json plain = read_json(folder.path / "hybrid_config.json");
  for (const auto& [key, value] : plain.items()) {
    EXPECT_TRUE(kHybrid.contains(key)) << key;
  }
}

// A program that knows Llama must not take a hybrid for one.
TEST(Config, HybridsBearANameOfTheirOwn) {
  const Json with_class = with(kLlama, R"({"auto_map": {"AutoModelForCausalLM": "modeling_llama.LlamaForCausalLM"}})");
  for (const auto& model : {read(with_class, kHybrid), read(with_class, kEco, kEcoMla)}) {
    const ScratchFolder folder;
    write_config(folder.path, model);
    const Json own = read_json(folder.path / "config.json");
    EXPECT_EQ(own["model_type"], "zebra");
    EXPECT_EQ(own["architectures"], Json({"ZebraForCausalLM"}));
    EXPECT_EQ(own["base_model_type"], "llama");
    EXPECT_EQ(own["base_architectures"], Json({"LlamaForCausalLM"}));
    EXPECT_FALSE(own.contains("auto_map"));
    EXPECT_EQ(own["my_own"], kLlama["my_own"]);
    const ModelConfig back = read_config(folder.path);
    EXPECT_EQ(back.model_type, "llama");
    EXPECT_EQ(back.mixers, model.mixers);
    EXPECT_EQ(with(back.raw_config, "{}"), kLlama);

    // AMD's programs look for the base's name.
    const ScratchFolder amd;
    write_amd_config(amd.path, back);
    EXPECT_EQ(read_json(amd.path / "config.json"), kLlama);
    EXPECT_EQ(read_config(amd.path).mixers, model.mixers);
  }
}

TEST(Config, HybridNamesWithoutTheirHybridAreRefused) {
  const Json named = with(kLlama, R"({"model_type": "zebra", "base_model_type": "llama", "zebra_format": 2})");
  EXPECT_EQ(read(named, kHybrid).model_type, "llama");
  expect_refused({"model_type", "hybrid_config.json", "whole folder"}, named);
  expect_refused({"zebra_format", "expected at most 2", "found 3"}, with(named, R"({"zebra_format": 3})"), kHybrid);
  expect_refused({"zebra_format"}, with(named, R"({"zebra_format": null})"), kHybrid);
  expect_refused({"base_model_type"}, with(named, R"({"base_model_type": null})"), kHybrid);
  expect_refused({"model_type", "gpt9"}, with(named, R"({"base_model_type": "gpt9"})"), kHybrid);
  expect_refused({"model_type", "zebra"}, with(named, R"({"base_model_type": "zebra"})"), kHybrid);
}

TEST(Config, XEcoMlaStudents) {
  ModelConfig student = read(kLlama);
  student.format = Format::x_ecomla;
  MlaConfig c;
  c.hidden = 64, c.heads = 8, c.kv_heads = 8, c.kv_rank = 16, c.q_rank = 0, c.nope_dim = 4, c.rope_dim = 4, c.v_dim = 8;
  c.rope.type = RopeConfig::Type::yarn;
  c.rope.yarn = RopeConfig::Yarn::deepseek;
  c.rope.layout = RopeConfig::Layout::interleaved;
  c.rope.factor = 32;
  c.rope.original_max_position = 4096;
  c.rope.max_position = 2048;
  for (const size_t layer : {0u, 1u, 3u}) student.mixers[layer] = c;
  student.mixers[3].get<MlaConfig>().q_rank = 48;
  student.mixers[3].get<MlaConfig>().kv_rank = 24;
  expect_round_trip(student);
  const ScratchFolder folder;
  write_config(folder.path, student);
  const Json file = read_json(folder.path / "mla_layer_config.json");
  EXPECT_EQ(file["rope_scaling"]["type"], "yarn");
  EXPECT_TRUE(file["q_lora_rank"].is_number());
  EXPECT_TRUE(file["layer_rank_list"]["0"]["q_rank"].is_null());
  EXPECT_EQ(read_config(folder.path).mixers.size(), 4u);
  EXPECT_EQ(mla(read_config(folder.path), 3).q_rank, 48);

  // Grouped kv heads have no spelling there.
  for (const size_t layer : {0u, 1u, 3u}) student.mixers[layer].get<MlaConfig>().kv_heads = 4;
  EXPECT_THROW(write_config(folder.path, student), Error);
}

TEST(Config, FreshModelsOfEveryFamily) {
  for (const char* family : {"llama", "mistral", "qwen2", "qwen3"}) {
    ModelConfig model;
    model.model_type = family;
    model.vocab = 100, model.hidden = 32, model.intermediate = 48, model.max_position = 512;
    model.bos = 0, model.eos = {1};
    AttentionConfig c;
    c.hidden = 32, c.heads = 4, c.kv_heads = 2, c.head_dim = 8;
    c.qkv_bias = std::string(family) == "qwen2";
    c.qk_norm = std::string(family) == "qwen3";
    c.norm_eps = model.norm_eps;
    c.sliding_window = std::string(family) == "mistral" ? 16 : 0;
    c.rope.type = RopeConfig::Type::llama3;
    c.rope.factor = 8;
    c.rope.original_max_position = 128;
    c.rope.max_position = 512;
    model.mixers.assign(3, c);
    expect_round_trip(model);
  }
}

TEST(Config, SurvivesRandomDamage) {
  const std::string palette = "0123456789[]{},:\"-eE.tfn \xff";
  Rng rng(11);
  int refused = 0;
  const std::array<std::string, 3> files = {kLlama.dump(), kHybrid.dump(), kEcoMla.dump()};
  const ScratchFolder zebra_folder, eco_folder;
  eco_folder.put("MLA_config.json", kEco.dump());
  for (int round = 0; round < 3000; ++round) {
    const bool eco = rng.below(2);
    std::array<std::string, 2> texts = {files[0], files[eco ? 2 : 1]};
    for (uint64_t edits = 1 + rng.below(3); edits > 0; --edits) {
      std::string& text = texts[rng.below(2)];
      const size_t at = rng.below(text.size());
      switch (rng.below(3)) {
        case 0:
          text[at] = palette[rng.below(palette.size())];
          break;
        case 1:
          text.erase(at, 1 + rng.below(3));
          break;
        default:
          text.insert(at, 1, palette[rng.below(palette.size())]);
          break;
      }
    }
    const ScratchFolder& folder = eco ? eco_folder : zebra_folder;
    folder.put("config.json", texts[0]);
    folder.put(eco ? "mla_layer_config.json" : "hybrid_config.json", texts[1]);
    try {
      const ModelConfig model = read_config(folder.path);
      EXPECT_GE(cache_cost(model).per_token, 0);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace zebra
