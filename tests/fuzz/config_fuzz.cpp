// The configs of a model folder, of every family and format.
#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "model/config_files.h"

namespace zebra::fuzz {

namespace {

const std::vector<std::string> kFiles = {"config.json", "hybrid_config.json", "MLA_config.json",
                                         "mla_layer_config.json", "generation_config.json"};

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  const auto golden = [](const char* folder, const char* file) {
    return std::pair{std::string(file), read_file(fs::path("tests/golden") / folder / file)};
  };
  for (const char* folder : {"llama3-tied", "mistral-window-yarn", "qwen2", "qwen3"}) {
    out.push_back(parts(
        {golden(folder, "config.json"), {"generation_config.json", R"({"eos_token_id": [2, 3], "bos_token_id": 1})"}}));
  }
  for (const char* folder : {"zebra", "zebra-exact-q", "zebra-switches"}) {
    out.push_back(parts({golden(folder, "config.json"), golden(folder, "hybrid_config.json")}));
  }
  out.push_back(parts(
      {golden("zebra", "config.json"),
       {"MLA_config.json", R"({"d_model": 16, "rms_norm_eps": 1e-06, "vocab_size": null, "d_inner": 16, "d_xb": 8,)"
                           R"("intermediate_size": 24, "hidden_act": "silu", "n_layer": 2, "attn_layers": [1]})"},
       {"mla_layer_config.json",
        R"({"hidden_size": 16, "num_attention_heads": 4, "mla_num_key_value_heads": 4, "kv_lora_rank": 8, "q_lora_rank": 40,)"
        R"("qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 4, "max_position_embeddings": 64, "rope_theta": 500000.0,)"
        R"("layer_rank_list": {"0": {"kv_rank": 24, "q_rank": null}}, "rope_scaling": {"beta_fast": 32, "beta_slow": 1,)"
        R"("factor": 32.0, "mscale": 1.0, "mscale_all_dim": 0.7, "type": "yarn"}})"}}));
  return out;
}
std::vector<std::string> words() {
  return with_json_words({"\"model_type\": \"qwen3\"",
                          "\"rope_scaling\":",
                          "\"rope_parameters\":",
                          "\"rope_type\":",
                          "\"yarn\"",
                          "\"llama3\"",
                          "\"dynamic\"",
                          "\"factor\":",
                          "\"layers\":",
                          "\"mla_layers\":",
                          "\"attn_layers\":",
                          "\"rope_inv_freq\":",
                          "\"layer_types\":",
                          "\"sliding_window\":",
                          "\"sliding_attention\"",
                          "\"head_dim\":",
                          "\"ssm_cfg\":",
                          "\"layer_rank_list\":",
                          "\"kv_lora_rank\":",
                          "hybrid_config.json\n",
                          "MLA_config.json\n",
                          "\n====\n"});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  fuzz::put_parts(fuzz::text(data, size), fuzz::kFiles);
  try {
    const ModelConfig config = read_config(fuzz::folder());
    if (config.layers() <= 0 || config.hidden <= 0 || config.vocab <= 0) __builtin_trap();
    cache_cost(config);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::input) __builtin_trap();
  }
  return 0;
}
