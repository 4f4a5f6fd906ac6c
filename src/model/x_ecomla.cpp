// AMD's X-EcoMLA: MLA_config.json says which layers stay attention, mla_layer_config.json (a DeepseekV3Config; absent
// key = its default) how the others are built. Every query head has its own kv head, whatever
// mla_num_key_value_heads says: that key only steers AMD's initialisation.
#include <algorithm>

#include "model/adapters.h"
#include "model/own_keys.h"
#include "model/rope_json.h"

namespace zebra {

namespace {

constexpr int64_t kDefaultQRank = 1536;

MlaConfig read_shared(const ModelConfig& model, const ConfigReader& hybrid, const ConfigReader& mla) {
  MlaConfig shared;
  shared.hidden = model.hidden;
  shared.heads = mla.integer("num_attention_heads", 128, 1, kMaxWidth);
  shared.kv_heads = shared.heads;
  const bool exact = mla.object().contains("q_lora_rank") && !mla.has("q_lora_rank");
  shared.q_rank = exact ? 0 : mla.integer("q_lora_rank", kDefaultQRank, 1, kMaxWidth);
  shared.kv_rank = mla.integer("kv_lora_rank", 512, 1, kMaxWidth);
  shared.nope_dim = mla.integer("qk_nope_head_dim", 128, 0, kMaxWidth);
  shared.rope_dim = mla.integer("qk_rope_head_dim", 64, 1, kMaxWidth);
  shared.v_dim = mla.integer("v_head_dim", 128, 1, kMaxWidth);
  shared.lora_norm = mla.flag("use_lora_layer_norm", false);
  shared.qkv_bias = mla.flag("attention_bias", false);
  shared.rope = read_amd_rope(mla, mla.integer("max_position_embeddings", 4096, 1, kMaxPosition));
  read_own_rope_keys(shared, hybrid);
  return shared;
}

// layer_rank_list: {"3": {"q_rank": .., "kv_rank": ..}}. A layer that it does not name has the ranks of the last one
// before it that it does name, as in AMD's code, which overwrites the shared ranks while it builds the layers.
void read_ranks(MlaConfig& current, const ConfigReader& mla, int64_t layer) {
  if (!mla.has("layer_rank_list")) return;
  const ConfigReader list = mla.child("layer_rank_list");
  const std::string key = std::to_string(layer);
  if (!list.has(key)) return;
  const ConfigReader ranks = list.child(key);
  current.kv_rank = ranks.integer("kv_rank", 1, kMaxWidth);
  current.q_rank = ranks.integer("q_rank", 0, 1, kMaxWidth);  // null = exact
}

}  // namespace

void read_x_ecomla(ModelConfig& model, const ConfigReader& hybrid, const ConfigReader& mla) {
  model.format = Format::x_ecomla;
  const int64_t layers = model.layers();
  mla.agree("hidden_size", model.hidden);
  mla.agree("num_attention_heads", model.attention.heads);
  model.mlp_bias = model.mlp_bias && hybrid.flag("mlp_bias", false);

  const auto attn_layers = hybrid.layer_list("attn_layers", layers);
  const MlaConfig shared = read_shared(model, hybrid, mla);
  MlaConfig current = shared;
  for (int64_t layer = 0; layer < layers; ++layer) {
    if (std::binary_search(attn_layers.begin(), attn_layers.end(), layer)) continue;
    read_ranks(current, mla, layer);
    MlaConfig own = current;
    read_own_layer_keys(own, hybrid, layer);
    model.mixers[static_cast<size_t>(layer)] = own;
  }
  check_own_layers(hybrid, model.mixers);
  model.raw_hybrid = hybrid.object();
  model.raw_mla = mla.object();
}

void write_x_ecomla(Json& hybrid, Json& mla, const ModelConfig& model) {
  const AttentionConfig base = base_attention(model);
  const MlaConfig shared = shared_mla(model.mixers);
  hybrid["d_model"] = model.hidden;
  hybrid["rms_norm_eps"] = model.norm_eps;
  if (!hybrid.contains("vocab_size")) hybrid["vocab_size"] = nullptr;
  hybrid["d_inner"] = base.heads * base.head_dim;
  hybrid["d_xb"] = base.kv_heads * base.head_dim;
  hybrid["intermediate_size"] = model.intermediate;
  hybrid["hidden_act"] = model.hidden_act;
  hybrid["n_layer"] = model.layers();

  mla["hidden_size"] = model.hidden;
  mla["num_attention_heads"] = shared.heads;
  mla["llama_num_key_value_heads"] = base.kv_heads;
  if (!mla.contains("mla_num_key_value_heads")) mla["mla_num_key_value_heads"] = shared.heads;
  mla["kv_lora_rank"] = shared.kv_rank;
  // The rank of the file must be a number for AMD's loader; exact q is said per layer.
  mla["q_lora_rank"] = shared.q_rank > 0 ? shared.q_rank : kDefaultQRank;
  mla["use_lora_layer_norm"] = shared.lora_norm;
  mla["qk_rope_head_dim"] = shared.rope_dim;
  mla["qk_nope_head_dim"] = shared.nope_dim;
  mla["v_head_dim"] = shared.v_dim;
  mla["attention_bias"] = shared.qkv_bias;
  write_amd_rope(mla, shared.rope, "type");
  if (!mla.contains("model_type")) mla["model_type"] = "deepseek_v3";
  for (const char* key : {"q_energy_ratio", "kv_energy_ratio"}) {
    if (!mla.contains(key)) mla[key] = nullptr;  // ranks are decided: nothing is left to an energy threshold
  }

  hybrid.erase("mlp_bias");
  if (model.mlp_bias) hybrid["mlp_bias"] = true;
  write_own_rope_keys(hybrid, shared);
  std::vector<int64_t> attn_layers;
  Json ranks = Json::object();
  for (int64_t layer = 0; layer < model.layers(); ++layer) {
    const auto* own = model.mixers[static_cast<size_t>(layer)].as<MlaConfig>();
    if (own == nullptr) {
      attn_layers.push_back(layer);
      continue;
    }
    if (own->q_rank == 0 && own->qkv_bias) {
      fail(ErrorKind::runtime, "layer ", layer,
           ": exact q with a bias has no spelling in X-EcoMLA folders; AMD's q_proj ", "has none");
    }
    ranks[std::to_string(layer)] = {{"kv_rank", own->kv_rank},
                                    {"q_rank", own->q_rank > 0 ? Json(own->q_rank) : Json(nullptr)}};
    MlaConfig expressed = shared;
    expressed.kv_rank = own->kv_rank;
    expressed.q_rank = own->q_rank;
    write_own_layer_keys(hybrid, expressed, *own, layer);
  }
  hybrid["attn_layers"] = attn_layers;
  mla["layer_rank_list"] = ranks;
}

}  // namespace zebra
