// AMD's Zebra-Llama: hybrid_config.json says which layers are MLA and how wide; all others are Mamba2. Absent keys mean
// the defaults of AMD's HybridConfig; sizes that config.json says as well must agree with it.
#include <algorithm>
#include <map>

#include "model/adapters.h"
#include "model/own_keys.h"
#include "model/rope_json.h"

namespace zebra {

namespace {

bool contains(const std::vector<int64_t>& list, int64_t value) {
  return std::binary_search(list.begin(), list.end(), value);
}

MlaConfig read_mla(const ModelConfig& model, const ConfigReader& hybrid) {
  MlaConfig mla;
  mla.hidden = model.hidden;
  mla.heads = hybrid.integer("num_attention_heads", model.attention.heads, 1, kMaxWidth);
  mla.kv_heads =
      hybrid.flag("use_full_kv_head", false) ? mla.heads : hybrid.integer("num_key_value_heads", 8, 1, kMaxWidth);
  // Python's null: exact q. AMD's own HybridConfig cannot hold it (its check divides the rank).
  const bool exact = hybrid.object().contains("q_lora_rank") && !hybrid.has("q_lora_rank");
  mla.q_rank = exact ? 0 : hybrid.integer("q_lora_rank", 1536, 1, kMaxWidth);
  mla.kv_rank = hybrid.integer("kv_lora_rank", 128, 1, kMaxWidth);
  mla.nope_dim = hybrid.integer("qk_nope_head_dim", 128, 0, kMaxWidth);
  mla.rope_dim = hybrid.integer("qk_rope_head_dim", 64, 1, kMaxWidth);
  mla.v_dim = hybrid.integer("v_head_dim", 128, 1, kMaxWidth);
  mla.lora_norm = hybrid.flag("use_lora_layer_norm", false);
  mla.qkv_bias = hybrid.flag("attention_bias", false);
  mla.rope = read_amd_rope(hybrid, hybrid.integer("max_position_embeddings", 4096, 1, kMaxPosition));
  read_own_rope_keys(mla, hybrid);
  return mla;
}

// Switches of AMD's Mamba2 class that change what is computed and that its programs never set.
void refuse_switches(const ConfigReader& ssm) {
  const auto expect = [&](const char* key, const Json& value) {
    if (ssm.has(key) && ssm.object()[key] != value) {
      ssm.fail(key, "expected ", value.dump(), " (the only form supported), found ", ssm.found(key));
    }
  };
  expect("D_has_hdim", false);
  expect("rmsnorm", true);
  expect("norm_before_gate", false);
  expect("bias", false);
  expect("conv_bias", true);
  for (const char* key : {"d_ssm", "dt_limit"}) {
    if (ssm.has(key)) ssm.fail(key, "expected no such key (it is not supported), found ", ssm.found(key));
  }
}

Mamba2Config read_mamba(const ModelConfig& model, const ConfigReader& hybrid) {
  const ConfigReader ssm = hybrid.has("ssm_cfg") ? hybrid.child("ssm_cfg")
                                                 : ConfigReader(Json::object(), hybrid.where() + ": key \"ssm_cfg\"");
  refuse_switches(ssm);
  Mamba2Config mamba;
  mamba.hidden = model.hidden;
  mamba.heads = ssm.integer("ngroups", 1, 1, kMaxWidth);
  mamba.head_dim = ssm.integer("d_state", 128, 1, kMaxWidth);
  mamba.conv_width = ssm.integer("d_conv", 4, 2, 16);
  mamba.repeat_kv_before_conv = ssm.flag("repeat_kv_before_conv", false);
  const int64_t d_inner = hybrid.integer("d_inner", ssm.integer("expand", 2, 1, 64) * model.hidden, 1, kMaxWidth);
  if (d_inner != mamba.d_inner()) {
    hybrid.fail("d_inner", "expected ssm_cfg.ngroups * ssm_cfg.d_state = ", mamba.d_inner(), ", found ", d_inner);
  }
  const int64_t d_xb = hybrid.integer("d_xb", 2560, 1, kMaxWidth);
  if (d_xb % mamba.head_dim != 0) {
    hybrid.fail("d_xb", "expected a multiple of ssm_cfg.d_state = ", mamba.head_dim, ", found ", d_xb);
  }
  mamba.kv_heads = d_xb / mamba.head_dim;
  return mamba;
}

Mamba2Config mamba_of_base(const AttentionConfig& base) {
  Mamba2Config mamba;
  mamba.hidden = base.hidden;
  mamba.heads = base.heads, mamba.kv_heads = base.kv_heads, mamba.head_dim = base.head_dim;
  return mamba;
}

void write_ssm(Json& hybrid, const Mamba2Config& mamba) {
  hybrid["d_model"] = mamba.hidden;
  Json& ssm = hybrid["ssm_cfg"];
  if (!ssm.is_object()) ssm = Json::object();
  if (ssm.empty()) ssm["expand"] = 1;
  ssm["ngroups"] = mamba.heads;
  ssm["d_state"] = mamba.head_dim;
  ssm["repeat_kv_before_conv"] = mamba.repeat_kv_before_conv;
  if (mamba.conv_width != 4 || ssm.contains("d_conv")) ssm["d_conv"] = mamba.conv_width;
  hybrid["d_inner"] = mamba.d_inner();
  hybrid["d_xb"] = mamba.d_xb();
}

void write_mla(Json& hybrid, const ModelConfig& model, const MlaConfig& mla) {
  const bool was_full = hybrid.contains("use_full_kv_head") && hybrid["use_full_kv_head"] == true;
  const bool full = mla.kv_heads == mla.heads && (was_full || base_attention(model).kv_heads != mla.heads);
  hybrid["num_attention_heads"] = mla.heads;
  hybrid["num_key_value_heads"] = mla.kv_heads;
  hybrid["kv_lora_rank"] = mla.kv_rank;
  hybrid["q_lora_rank"] = mla.q_rank > 0 ? Json(mla.q_rank) : Json(nullptr);
  hybrid["use_lora_layer_norm"] = mla.lora_norm;
  hybrid["use_full_kv_head"] = full;
  hybrid["qk_rope_head_dim"] = mla.rope_dim;
  hybrid["v_head_dim"] = mla.v_dim;
  hybrid["qk_nope_head_dim"] = mla.nope_dim;
  if (!hybrid.contains("qkv_rank_divisor")) hybrid["qkv_rank_divisor"] = 8;
  write_amd_rope(hybrid, mla.rope, "rope_type");
  hybrid["attention_bias"] = mla.qkv_bias;
  if (!hybrid.contains("attention_dropout")) hybrid["attention_dropout"] = 0.0;
  if (!hybrid.contains("rope_type")) hybrid["rope_type"] = "yarn";
}

// MLA settings for a model without MLA layers: AMD's loader still checks them.
MlaConfig mla_of_base(const ModelConfig& model) {
  const AttentionConfig base = base_attention(model);
  MlaConfig mla;
  mla.heads = base.heads, mla.kv_heads = base.kv_heads, mla.v_dim = base.head_dim;
  mla.q_rank = 1536, mla.kv_rank = 128, mla.nope_dim = base.head_dim / 2, mla.rope_dim = base.head_dim / 2;
  mla.rope.layout = RopeConfig::Layout::interleaved;
  mla.rope.theta = base.rope.theta;
  mla.rope.max_position = model.max_position;
  return mla;
}

}  // namespace

void read_zebra_llama(ModelConfig& model, const ConfigReader& hybrid) {
  model.format = Format::zebra_llama;
  const int64_t layers = model.layers();
  // AMD's converted layers have no MLP biases; ours may, and say so.
  model.mlp_bias = model.mlp_bias && hybrid.flag("mlp_bias", false);

  const auto mla_layers = hybrid.layer_list("mla_layers", layers);
  const auto attn_layers = hybrid.layer_list("attn_layers", layers);
  std::map<int64_t, MixerConfig> own;
  for (int64_t layer = 0; layer < layers; ++layer) {
    if (const auto mixer = read_own_mixer(hybrid, layer)) own.emplace(layer, *mixer);
  }
  const bool has_mamba = static_cast<int64_t>(mla_layers.size() + attn_layers.size() + own.size()) < layers;
  const MlaConfig shared = mla_layers.empty() ? MlaConfig() : read_mla(model, hybrid);
  const Mamba2Config mamba = has_mamba ? read_mamba(model, hybrid) : Mamba2Config();
  for (int64_t layer = 0; layer < layers; ++layer) {
    const bool is_mla = contains(mla_layers, layer), is_attention = contains(attn_layers, layer);
    if (is_mla && is_attention) hybrid.fail("attn_layers", "expected layers that are not in mla_layers, found ", layer);
    auto& mixer = model.mixers[static_cast<size_t>(layer)];
    if (const auto single = own.find(layer); single != own.end()) {
      if (is_mla || is_attention) {
        hybrid.fail("layers", "expected layers that are neither in mla_layers nor in attn_layers, found ", layer);
      }
      mixer = single->second;
      continue;
    }
    if (is_attention) continue;
    if (!is_mla) {
      mixer = mamba;
      continue;
    }
    MlaConfig mla = shared;
    read_own_layer_keys(mla, hybrid, layer);
    mixer = mla;
  }
  check_own_layers(hybrid, model.mixers);
  model.raw_hybrid = hybrid.object();
}

void write_zebra_llama(Json& hybrid, const ModelConfig& model) {
  std::vector<int64_t> mla_layers, attn_layers;
  const Mamba2Config* mamba = nullptr;
  for (int64_t layer = 0; layer < model.layers(); ++layer) {
    const auto& mixer = model.mixers[static_cast<size_t>(layer)];
    if (mixer.is<MlaConfig>()) mla_layers.push_back(layer);
    if (mixer.is<AttentionConfig>()) attn_layers.push_back(layer);
    if (mamba == nullptr) mamba = mixer.as<Mamba2Config>();
  }
  hybrid["hidden_size"] = model.hidden;
  hybrid["intermediate_size"] = model.intermediate;
  hybrid["hidden_act"] = model.hidden_act;
  hybrid["n_layer"] = model.layers();
  hybrid["mla_layers"] = mla_layers;
  hybrid["rms_norm_eps"] = model.norm_eps;
  const MlaConfig shared = mla_layers.empty() ? mla_of_base(model) : shared_mla(model.mixers);
  if (!mla_layers.empty() || !hybrid.contains("kv_lora_rank")) write_mla(hybrid, model, shared);
  if (mamba != nullptr || !hybrid.contains("ssm_cfg")) {
    write_ssm(hybrid, mamba != nullptr ? *mamba : mamba_of_base(base_attention(model)));
  }
  hybrid.erase("attn_layers");
  if (!attn_layers.empty()) hybrid["attn_layers"] = attn_layers;
  hybrid.erase("mlp_bias");
  if (model.mlp_bias) hybrid["mlp_bias"] = true;
  write_own_rope_keys(hybrid, shared);
  for (int64_t layer = 0; layer < model.layers(); ++layer) {
    write_own_mixer(hybrid, model.mixers[static_cast<size_t>(layer)], layer);
  }
  for (const int64_t layer : mla_layers) {
    write_own_layer_keys(hybrid, shared, model.mixers[static_cast<size_t>(layer)].get<MlaConfig>(), layer);
  }
}

}  // namespace zebra
