// config.json of the Llama-like families, in the spellings of transformers 4 and 5.
#include <algorithm>
#include <array>

#include "model/adapters.h"
#include "model/config_fields.h"
#include "model/rope_json.h"

namespace zebra {

namespace {

enum class Window { none, always, from_layer };  // where a sliding window applies

// What a model_type means where config.json says nothing (the defaults of transformers' classes).
struct Family {
  const char* model_type;
  const char* architecture;
  bool qkv_bias;        // always, whatever attention_bias says
  bool attention_bias;  // the key exists: bias of q, k, v and o
  bool qk_norm;
  Window window;
  int64_t kv_heads;  // 0 = num_attention_heads
  int64_t head_dim;  // 0 = hidden_size / num_attention_heads
  int64_t max_position;
  int64_t bos, eos;  // -1 = none
};

constexpr std::array<Family, 4> kFamilies{{
    {"llama", "LlamaForCausalLM", false, true, false, Window::none, 0, 0, 2048, 1, 2},
    {"mistral", "MistralForCausalLM", false, false, false, Window::always, 8, 0, 131072, 1, 2},
    {"qwen2", "Qwen2ForCausalLM", true, false, false, Window::from_layer, 32, 0, 32768, -1, -1},
    {"qwen3", "Qwen3ForCausalLM", false, true, true, Window::from_layer, 32, 128, 32768, -1, -1},
}};

const Family* find_family(const std::string& model_type) {
  const auto found =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const Family& f) { return model_type == f.model_type; });
  return found == kFamilies.end() ? nullptr : found;
}

const Family& read_family(const ConfigReader& config) {
  if (const Family* family = find_family(config.text("model_type"))) return *family;
  std::string known;
  for (const auto& family : kFamilies) known += (known.empty() ? "" : ", ") + std::string(family.model_type);
  config.fail("model_type", "expected one of ", known, ", found ", config.found("model_type"));
}

std::string read_activation(const ConfigReader& config) {
  const std::string name = config.text("hidden_act", "silu");
  if (name == "swish") return "silu";
  for (const char* known : {"silu", "gelu", "gelu_pytorch_tanh", "gelu_new", "relu"}) {
    if (name == known) return name;
  }
  config.fail("hidden_act", "expected one of silu, gelu, gelu_pytorch_tanh, gelu_new, relu, found ",
              config.found("hidden_act"));
}

std::string read_dtype(const ConfigReader& config) {
  const char* key = config.has("dtype") ? "dtype" : "torch_dtype";
  std::string name = config.text(key, "float32");
  if (name.rfind("torch.", 0) == 0) name = name.substr(6);
  if (name != "float32" && name != "bfloat16" && name != "float16") {
    config.fail(key, "expected float32, bfloat16 or float16, found ", config.found(key));
  }
  return name;
}

std::vector<int64_t> read_eos(const ConfigReader& config, int64_t otherwise) {
  const auto entry = config.object().find("eos_token_id");
  if (entry == config.object().end()) return otherwise >= 0 ? std::vector<int64_t>{otherwise} : std::vector<int64_t>{};
  if (entry->is_null()) return {};
  if (entry->is_array()) return json_get<std::vector<int64_t>>(config.object(), "eos_token_id", config.where());
  return {json_get<int64_t>(config.object(), "eos_token_id", config.where())};
}

AttentionConfig read_attention(const ConfigReader& config, const Family& family, const ModelConfig& model) {
  AttentionConfig attention;
  attention.hidden = model.hidden;
  attention.heads = config.integer("num_attention_heads", 1, kMaxWidth);
  // An explicit null means full heads; an absent key the family's own default.
  const bool named = config.object().contains("num_key_value_heads");
  const int64_t otherwise = named || family.kv_heads == 0 ? attention.heads : family.kv_heads;
  attention.kv_heads = config.integer("num_key_value_heads", otherwise, 1, kMaxWidth);
  if (!config.has("head_dim") && family.head_dim == 0 && model.hidden % attention.heads != 0) {
    config.fail("hidden_size", "expected a multiple of num_attention_heads = ", attention.heads, ", found ",
                model.hidden);
  }
  const int64_t head_dim = family.head_dim > 0 ? family.head_dim : model.hidden / attention.heads;
  attention.head_dim = config.integer("head_dim", head_dim, 1, kMaxWidth);
  const bool bias = family.attention_bias && config.flag("attention_bias", false);
  attention.qkv_bias = family.qkv_bias || bias;
  attention.out_bias = bias;
  attention.qk_norm = family.qk_norm;
  attention.norm_eps = family.qk_norm ? model.norm_eps : AttentionConfig{}.norm_eps;
  attention.rope = read_rope(config, model.max_position);
  return attention;
}

// Which layers a list of layer_types gives the window to.
std::vector<int64_t> listed_windows(const ConfigReader& config, int64_t layers, int64_t window) {
  const auto types = json_get<std::vector<std::string>>(config.object(), "layer_types", config.where());
  if (std::ssize(types) != layers) {
    config.fail("layer_types", "expected one entry for each of ", layers, " layers, found ", types.size());
  }
  std::vector<int64_t> windows;
  for (const auto& type : types) {
    if (type != "full_attention" && type != "sliding_attention") {
      config.fail("layer_types", "expected full_attention or sliding_attention, found ", Json(type).dump());
    }
    windows.push_back(type == "sliding_attention" ? window : 0);
    if (windows.back() == 0 && type == "sliding_attention") {
      config.fail("layer_types", "expected full_attention only where no sliding window is in use, found ",
                  Json(type).dump());
    }
  }
  return windows;
}

// The sliding window of each layer, 0 = none.
std::vector<int64_t> read_windows(const ConfigReader& config, const Family& family, int64_t layers) {
  std::vector<int64_t> windows(static_cast<size_t>(layers), 0);
  const bool used = family.window == Window::always ||
                    (family.window == Window::from_layer && config.flag("use_sliding_window", false));
  const bool absent = !config.object().contains("sliding_window");
  const int64_t window = used ? config.integer("sliding_window", absent ? 4096 : 0, 1, kMaxWindow) : 0;
  // transformers reads a Mistral with such a list as its Ministral: the list decides there too.
  if (config.has("layer_types")) return listed_windows(config, layers, window);
  if (window == 0 || family.window == Window::always) {
    windows.assign(windows.size(), window);
    return windows;
  }
  const int64_t first = config.integer("max_window_layers", 28, 0, kMaxPosition);
  for (int64_t layer = first; layer < layers; ++layer) windows[static_cast<size_t>(layer)] = window;
  return windows;
}

template <class T>
void set_if_changed(Json& config, const char* key, const T& value, bool changed) {
  if (changed) config[key] = value;
}

}  // namespace

ModelConfig read_huggingface(const ConfigReader& config) {
  const Family& family = read_family(config);
  if (config.has("quantization_config")) {
    const Json& how = config.object()["quantization_config"];
    const bool named = how.is_object() && how.contains("quant_method") && how["quant_method"].is_string();
    config.fail("quantization_config", "expected full-precision weights, found a checkpoint quantised by ",
                named ? how["quant_method"].get<std::string>().substr(0, 40) : "an unnamed method",
                ": give the folder of the model before it was quantised");
  }
  ModelConfig model;
  model.unknown_keys = check_config_fields(config, family.model_type);
  model.model_type = family.model_type;
  model.vocab = config.integer("vocab_size", 1, int64_t{1} << 24);
  model.hidden = config.integer("hidden_size", 1, kMaxWidth);
  model.intermediate = config.integer("intermediate_size", 1, 8 * kMaxWidth);
  model.max_position = config.integer("max_position_embeddings", family.max_position, 1, kMaxPosition);
  model.hidden_act = read_activation(config);
  model.norm_eps = config.positive("rms_norm_eps", 1e-6);
  model.tied = config.flag("tie_word_embeddings", false);
  model.mlp_bias = family.model_type == std::string("llama") && config.flag("mlp_bias", false);
  model.dtype = read_dtype(config);
  model.bos = config.object().contains("bos_token_id") ? config.integer("bos_token_id", -1, 0, INT32_MAX) : family.bos;
  model.eos = read_eos(config, family.eos);
  const int64_t layers = config.integer("num_hidden_layers", 1, kMaxLayers);
  model.attention = read_attention(config, family, model);
  const auto windows = read_windows(config, family, layers);
  const bool alike = std::adjacent_find(windows.begin(), windows.end(), std::not_equal_to<>()) == windows.end();
  if (family.window == Window::always && alike) model.attention.sliding_window = windows.front();
  model.windows = windows;
  for (const int64_t window : windows) {
    AttentionConfig attention = model.attention;
    attention.sliding_window = window;
    model.mixers.emplace_back(attention);
  }
  model.raw_config = config.object();
  return model;
}

void write_huggingface(Json& config, const ModelConfig& model) {
  const bool fresh = config.empty();
  const Family* family = find_family(model.model_type);
  if (family == nullptr) fail(ErrorKind::runtime, "model_type \"", model.model_type, "\" has no config.json spelling");
  // What the file says already; only what differs is set, so that its own spelling stays.
  const ModelConfig old = fresh ? ModelConfig() : read_huggingface({config, "config.json"});
  if (fresh) {
    config["architectures"] = {family->architecture};
    config["model_type"] = family->model_type;
  }
  set_if_changed(config, "vocab_size", model.vocab, model.vocab != old.vocab);
  set_if_changed(config, "hidden_size", model.hidden, model.hidden != old.hidden);
  set_if_changed(config, "intermediate_size", model.intermediate, model.intermediate != old.intermediate);
  set_if_changed(config, "num_hidden_layers", model.layers(), model.layers() != old.layers());
  set_if_changed(config, "max_position_embeddings", model.max_position,
                 fresh || model.max_position != old.max_position);
  set_if_changed(config, "hidden_act", model.hidden_act, fresh || model.hidden_act != old.hidden_act);
  set_if_changed(config, "rms_norm_eps", model.norm_eps, fresh || model.norm_eps != old.norm_eps);
  set_if_changed(config, "tie_word_embeddings", model.tied, fresh || model.tied != old.tied);
  set_if_changed(config, "mlp_bias", model.mlp_bias, model.mlp_bias != old.mlp_bias);
  if (fresh) {
    config["bos_token_id"] = model.bos >= 0 ? Json(model.bos) : Json(nullptr);
    config["eos_token_id"] = model.eos.empty()       ? Json(nullptr)
                             : model.eos.size() == 1 ? Json(model.eos[0])
                                                     : Json(model.eos);
    config["initializer_range"] = 0.02;
    config["use_cache"] = true;
  }
  // AMD's programs read transformers 4's keys only.
  const bool needs_old_keys = fresh || model.format != Format::huggingface;
  if (needs_old_keys || model.dtype != old.dtype) config["torch_dtype"] = model.dtype;
  if (config.contains("dtype")) config["dtype"] = model.dtype;

  const AttentionConfig base = base_attention(model);
  const AttentionConfig& before = old.attention;
  set_if_changed(config, "num_attention_heads", base.heads, base.heads != before.heads);
  set_if_changed(config, "num_key_value_heads", base.kv_heads, base.kv_heads != before.kv_heads);
  // An absent head_dim follows from the other widths (family.head_dim 0): written once they no longer say it.
  const bool absent = !config.contains("head_dim") || config["head_dim"].is_null();
  const bool unsaid = absent && family->head_dim == 0 && base.heads * base.head_dim != model.hidden;
  set_if_changed(config, "head_dim", base.head_dim, unsaid || base.head_dim != before.head_dim);
  if (family->attention_bias) {
    set_if_changed(config, "attention_bias", base.out_bias, fresh || base.out_bias != before.out_bias);
  }
  const int64_t window = base.sliding_window;
  if (fresh && family->window != Window::none) config["sliding_window"] = window > 0 ? Json(window) : Json(nullptr);
  if (fresh && family->window == Window::from_layer && window > 0) {
    config["use_sliding_window"] = true;
    config["max_window_layers"] = 0;
  }
  if (config.contains("layer_types") && config["layer_types"].is_array() &&
      std::ssize(config["layer_types"]) != model.layers()) {
    Json types = Json::array();  // one for each layer that is left
    for (const auto& mixer : model.mixers) {
      const auto* attention = mixer.as<AttentionConfig>();
      types.push_back(attention && attention->sliding_window > 0 ? "sliding_attention" : "full_attention");
    }
    config["layer_types"] = types;
  }
  const bool same_rope =
      !fresh && canonical(base.rope) == canonical(before.rope) && base.rope.theta == before.rope.theta;
  // Version 5 writes rope_parameters alone, which version 4 would take for no such keys at all.
  const bool unread = config.contains("rope_parameters") && !config.contains("rope_theta");
  if (!same_rope || unread || (needs_old_keys && !config.contains("rope_theta"))) write_rope(config, base.rope);
}

}  // namespace zebra
