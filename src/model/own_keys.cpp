#include "model/own_keys.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "layers/mixer_readers.h"
#include "model/rope_json.h"

namespace zebra {

namespace {

bool is_own_kind(const MixerConfig& mixer) {
  const auto& readers = mixer_readers();
  return std::any_of(readers.begin(), readers.end(),
                     [&](const MixerReader& reader) { return std::string_view(reader.kind) == mixer->kind(); });
}

std::vector<double> read_frequencies(const ConfigReader& reader) {
  auto values = json_get<std::vector<double>>(reader.object(), "rope_inv_freq", reader.where());
  if (values.size() > static_cast<size_t>(kMaxWidth)) reader.fail("rope_inv_freq", "expected fewer frequencies");
  return values;
}

}  // namespace

void read_own_rope_keys(MlaConfig& shared, const ConfigReader& hybrid) {
  const std::string layout = hybrid.text("rope_layout", "interleaved");
  if (layout != "half" && layout != "interleaved") {
    hybrid.fail("rope_layout", "expected \"half\" or \"interleaved\", found ", hybrid.found("rope_layout"));
  }
  shared.rope.layout = layout == "half" ? RopeConfig::Layout::half : RopeConfig::Layout::interleaved;
  const std::string yarn = hybrid.text("rope_yarn", "deepseek");
  if (yarn != "transformers" && yarn != "deepseek") {
    hybrid.fail("rope_yarn", "expected \"transformers\" or \"deepseek\", found ", hybrid.found("rope_yarn"));
  }
  shared.rope.yarn = yarn == "transformers" ? RopeConfig::Yarn::transformers : RopeConfig::Yarn::deepseek;
  if (hybrid.has("rope_inv_freq")) shared.rope.inv_freq = read_frequencies(hybrid);
  shared.rope.ntk_dim = hybrid.integer("rope_ntk_dim", 0, 4, kMaxWidth);
  shared.sliding_window = hybrid.integer("sliding_window", 0, 1, kMaxWindow);
}

void read_own_layer_keys(MlaConfig& mla, const ConfigReader& hybrid, int64_t layer) {
  if (!hybrid.has("layers")) return;
  const ConfigReader all = hybrid.child("layers");
  const std::string key = std::to_string(layer);
  if (!all.has(key)) return;
  const ConfigReader own = all.child(key);
  for (const auto& [name, value] : own.object().items()) {
    if (name == "kv_lora_rank") {
      mla.kv_rank = own.integer(name, 1, kMaxWidth);
    } else if (name == "q_lora_rank") {
      mla.q_rank = own.integer(name, 0, 1, kMaxWidth);  // null = exact
    } else if (name == "qk_nope_head_dim") {
      mla.nope_dim = own.integer(name, 0, kMaxWidth);
    } else if (name == "qk_rope_head_dim") {
      mla.rope_dim = own.integer(name, 1, kMaxWidth);
    } else if (name == "v_head_dim") {
      mla.v_dim = own.integer(name, 1, kMaxWidth);
    } else if (name == "rope_inv_freq") {
      mla.rope.inv_freq = own.has(name) ? read_frequencies(own) : std::vector<double>();
    } else if (name == "sliding_window") {
      mla.sliding_window = own.integer(name, 0, 1, kMaxWindow);  // null = none
    } else {
      own.fail(name, "expected kv_lora_rank, q_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim, ",
               "rope_inv_freq or sliding_window, found an unknown key");
    }
  }
}

std::optional<MixerConfig> read_own_mixer(const ConfigReader& hybrid, int64_t layer) {
  const std::string name = std::to_string(layer);
  if (!hybrid.has("layers") || !hybrid.child("layers").has(name)) return std::nullopt;
  const ConfigReader own = hybrid.child("layers").child(name);
  if (!own.has("kind")) return std::nullopt;
  const std::string kind = own.text("kind");
  for (const auto& reader : mixer_readers()) {
    if (kind == reader.kind) return reader.read(own.object(), own.where());
  }
  own.fail("kind", "expected a kind of mixer that this version knows, found ", Json(kind.substr(0, 40)).dump());
}

void write_own_mixer(Json& hybrid, const MixerConfig& mixer, int64_t layer) {
  if (!is_own_kind(mixer)) return;
  Json own = {{"kind", mixer->kind()}};
  mixer->describe(own);
  hybrid["layers"][std::to_string(layer)] = own;
}

void check_own_layers(const ConfigReader& hybrid, const std::vector<MixerConfig>& mixers) {
  if (!hybrid.has("layers")) return;
  std::set<std::string> mla_layers;
  for (size_t layer = 0; layer < mixers.size(); ++layer) {
    if (mixers[layer].is<MlaConfig>() || is_own_kind(mixers[layer])) mla_layers.insert(std::to_string(layer));
  }
  for (const auto& [key, value] : hybrid.object()["layers"].items()) {
    if (!mla_layers.count(key)) {
      hybrid.fail("layers", "expected numbers of MLA layers as keys, found ", Json(key.substr(0, 40)).dump());
    }
  }
}

void write_own_rope_keys(Json& hybrid, const MlaConfig& shared) {
  for (const char* key : {"rope_layout", "rope_yarn", "rope_inv_freq", "rope_ntk_dim", "sliding_window", "layers"}) {
    hybrid.erase(key);
  }
  if (shared.rope.layout == RopeConfig::Layout::half) hybrid["rope_layout"] = "half";
  if (canonical(shared.rope).yarn == RopeConfig::Yarn::transformers && shared.rope.type == RopeConfig::Type::yarn) {
    hybrid["rope_yarn"] = "transformers";
  }
  if (!shared.rope.inv_freq.empty()) hybrid["rope_inv_freq"] = shared.rope.inv_freq;
  if (shared.rope.ntk_dim > 0) hybrid["rope_ntk_dim"] = shared.rope.ntk_dim;
  if (shared.sliding_window > 0) hybrid["sliding_window"] = shared.sliding_window;
}

void write_own_layer_keys(Json& hybrid, const MlaConfig& expressed, const MlaConfig& mla, int64_t layer) {
  Json own = Json::object();
  if (mla.kv_rank != expressed.kv_rank) own["kv_lora_rank"] = mla.kv_rank;
  if (mla.q_rank != expressed.q_rank) own["q_lora_rank"] = mla.q_rank > 0 ? Json(mla.q_rank) : Json(nullptr);
  if (mla.nope_dim != expressed.nope_dim) own["qk_nope_head_dim"] = mla.nope_dim;
  if (mla.rope_dim != expressed.rope_dim) own["qk_rope_head_dim"] = mla.rope_dim;
  if (mla.v_dim != expressed.v_dim) own["v_head_dim"] = mla.v_dim;
  if (mla.rope.inv_freq != expressed.rope.inv_freq) own["rope_inv_freq"] = mla.rope.inv_freq;
  if (mla.sliding_window != expressed.sliding_window) {
    own["sliding_window"] = mla.sliding_window > 0 ? Json(mla.sliding_window) : Json(nullptr);
  }
  if (!own.empty()) hybrid["layers"][std::to_string(layer)] = own;
}

MlaConfig shared_mla(const std::vector<MixerConfig>& mixers) {
  const MlaConfig* first = nullptr;
  bool same_frequencies = true;
  for (const auto& mixer : mixers) {
    const auto* mla = mixer.as<MlaConfig>();
    if (mla == nullptr) continue;
    if (first == nullptr) first = mla;
    same_frequencies = same_frequencies && mla->rope.inv_freq == first->rope.inv_freq;
  }
  MlaConfig shared = first ? *first : MlaConfig();
  if (!same_frequencies) shared.rope.inv_freq.clear();
  return shared;
}

}  // namespace zebra
