#pragma once
// Small random teachers for the tests of this module.
#include <string>

#include "base/rng.h"
#include "model/checkpoint.h"
#include "support/scratch.h"
#include "upcycle/calibration.h"

namespace zebra {

// A Llama-like checkpoint in `folder`; `changes` is merged into its config.json.
inline void write_teacher(const fs::path& folder, const std::string& changes = "{}", uint64_t seed = 1) {
  auto json = Json::parse(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 96,
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 1e-05, "rope_theta": 10000.0,
    "hidden_act": "silu", "tie_word_embeddings": true, "attention_bias": false, "bos_token_id": 1, "eos_token_id": 2,
    "torch_dtype": "float32"})");
  json.merge_patch(Json::parse(changes));
  write_json(folder / "config.json", json);
  Model model(read_config(folder));
  initialise_random(model, seed, 0.15);
  // Biases start at zero; here they must matter.
  model.parameters([&](const std::string& name, at::Tensor& value) {
    if (name.find("_proj.bias") != std::string::npos) value.copy_(at::arange(value.numel()).sin() * 0.3);
  });
  save_model(folder, model);
}

inline Calibration random_calibration(int64_t vocab, int64_t rows = 24, int64_t length = 32) {
  Rng rng(7);
  auto ids = at::empty({rows, length}, at::kLong);
  for (int64_t i = 0; i < ids.numel(); ++i) {
    ids.mutable_data_ptr<int64_t>()[i] = static_cast<int64_t>(rng.below(static_cast<uint64_t>(vocab)));
  }
  return {ids, rows / 4, "random tokens"};
}

}  // namespace zebra
