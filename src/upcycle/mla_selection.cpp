// Which layers are MLA, and how wide, as `zebra select` writes it and convert reads it (docs/formats.md).
#include "base/error.h"
#include "base/text.h"
#include "io/format.h"
#include "upcycle/plan.h"

namespace zebra {

namespace {

constexpr int64_t kSelectionFormat = 1;

}  // namespace

const MlaConfig& mla_in(const ModelConfig& model, int64_t layer) {
  return model.mixers[static_cast<size_t>(layer)].get<MlaConfig>();
}

Json layers_json(const ModelConfig& hybrid) {
  Json json = {
      {"format", kSelectionFormat}, {"mla_layers", Json::array()}, {"kv_ranks", Json::object()}, {"rope_dim", 0}};
  for (size_t layer = 0; layer < hybrid.mixers.size(); ++layer) {
    const auto* mla = hybrid.mixers[layer].as<MlaConfig>();
    if (!mla) continue;
    const std::string name = std::to_string(layer);
    if (json["mla_layers"].empty()) json["rope_dim"] = mla->rope_dim;
    json["mla_layers"].push_back(layer);
    json["kv_ranks"][name] = mla->kv_rank;
    if (mla->rope_dim != json["rope_dim"]) json["rope_dims"][name] = mla->rope_dim;
  }
  return json;
}

LayerSelection parse_selection(const Json& json, const std::string& file) {
  read_format(json, file, kSelectionFormat);
  const auto layers = json_get<std::vector<int64_t>>(json, "mla_layers", file);
  LayerSelection selection{.mla_layers = layers.empty() ? "none" : list_text(layers)};
  const auto widths = [&](const char* key) {
    const Json& given = json[key];
    if (!given.is_object()) fail_input(file, ": ", key, ": expected {\"LAYER\": WIDTH, ..}, found ", given.dump());
    std::vector<std::string> words;
    for (const auto& [layer, width] : given.items()) {
      words.push_back(cat(layer, ":", json_get<int64_t>(given, layer, file)));
    }
    return join(words, ",");
  };
  if (json.contains("kv_ranks")) {
    selection.kv_ranks = widths("kv_ranks");
    selection.rope_dim = json_get<int64_t>(json, "rope_dim", file);
  }
  if (json.contains("rope_dims")) selection.rope_dims = widths("rope_dims");
  return selection;
}

void use_selection(ConvertSettings& settings, const LayerSelection& selection) {
  settings.mla_layers = selection.mla_layers;
  if (settings.rope_dim == 0) {
    settings.rope_dim = selection.rope_dim;
    if (settings.rope_dims.empty() && settings.split == "fixed") settings.rope_dims = selection.rope_dims;
  }
  // Ranks that flags give, or that a rule or a search shall choose, go before the selection's.
  const bool chosen = settings.kv_rank > 0 || settings.rank != "fixed" || settings.split != "fixed";
  if (!chosen && settings.kv_ranks.empty()) settings.kv_ranks = selection.kv_ranks;
}

void read_selection(ConvertSettings& settings) {
  if (!settings.mla_layers.ends_with(".json")) return;
  const std::string file = settings.mla_layers;
  use_selection(settings, parse_selection(read_json(file), file));
}

}  // namespace zebra
