#include "select/report.h"

#include <algorithm>

#include "base/text.h"
#include "io/card.h"
#include "model/config.h"
#include "select/score_plot.h"
#include "upcycle/plan.h"

namespace zebra {

namespace {

const MlaConfig& mla_of(const SelectionResult& result, int64_t layer, size_t option) {
  return mla_in(result.options[option].config, layer);
}

std::string score_text(const ChoicePlan& plan) {
  if (plan.score == "recall") return "recall lost with Mamba2 in one layer";
  if (plan.score == "recall-ratio") return "recall lost with Mamba2 in one layer, by the rise of the loss";
  return cat("KL saved by ", plan.rest == "mla" ? "a larger rank" : "MLA", " in one layer",
             plan.score == "trained"    ? " after training"
             : plan.score == "supernet" ? " of the supernet"
                                        : "");
}

}  // namespace

std::vector<int64_t> SelectionResult::layers() const {
  std::vector<int64_t> out;
  for (const auto& [layer, option] : chosen) out.push_back(layer);
  return out;
}

Json selection_json(const SelectionResult& result) {
  Json json;
  json["method"] = result.plan.method;
  json["score"] = result.plan.score;
  json["rest"] = result.plan.rest;
  json.update(layers_json(result.hybrid));
  if (json["mla_layers"].empty()) json["rope_dim"] = mla_of(result, 0, 0).rope_dim;
  json["scores"] = result.options.front().scores;
  if (result.options.size() > 1) {
    json["options"] = Json::array();
    for (size_t option = 0; option < result.options.size(); ++option) {
      json["options"].push_back({{"student", without_machine_paths(result.options[option].folder)},
                                 {"kv_rank", mla_of(result, 0, option).kv_rank},
                                 {"rope_dim", mla_of(result, 0, option).rope_dim},
                                 {"scores", result.options[option].scores}});
    }
  }
  json["kl_without"] = result.base;
  json["kl"] = result.kl;
  json["text"] = without_machine_paths(result.text);
  if (result.plan.kv_percent > 0) json["kv_percent"] = result.plan.kv_percent;
  if (result.lookup) {
    json["lookup"] = {{"accuracy", result.lookup->accuracy},
                      {"log_likelihood", result.lookup->log_likelihood},
                      {"lookups", result.lookup->lookups},
                      {"likelihood_falls", result.likelihood_falls}};
  }
  if (result.evaluated > 0) {
    json["subsets_evaluated"] = result.evaluated;
    json["all_subsets"] = result.searched_all;
  }
  return json;
}

std::string selection_table(const SelectionResult& result, const std::string& out) {
  const bool ranks = result.options.size() > 1 || result.plan.rest == "mla";
  std::string table = cat("layer  ", score_text(result.plan), " (KL without ",
                          result.plan.rest == "mla" ? "any" : "MLA", " ", fixed(result.base, 4), ")\n");
  if (result.options.size() > 1) {
    table += "rank  ";
    for (size_t option = 0; option < result.options.size(); ++option) {
      table += padded(std::to_string(mla_of(result, 0, option).kv_rank), 8);
    }
    table += "\n";
  }
  if (result.lookup) {
    table += cat("       the teacher finds ", fixed(100 * result.lookup->accuracy, 1), " % of ", result.lookup->lookups,
                 " values\n");
  }
  for (size_t layer = 0; layer < result.options.front().scores.size(); ++layer) {
    table += padded(std::to_string(layer), 5) + " ";
    for (const auto& option : result.options) table += cat("  ", fixed(option.scores[layer], 4));
    const auto chosen = result.chosen.find(static_cast<int64_t>(layer));
    if (chosen != result.chosen.end()) {
      table += "  <- MLA";
      if (ranks) table += cat(" of rank ", mla_of(result, chosen->first, chosen->second).kv_rank);
    }
    table += "\n";
  }
  if (result.evaluated > 0) {
    table += cat(result.evaluated, " subsets measured", result.searched_all ? ": all of this size" : "", "\n");
  }
  return cat(table, result.plan.method, ": ", result.plan.rest == "mla" ? "a larger rank in " : "--mla-layers ",
             result.chosen.empty() ? "none" : list_text(result.layers()), "; ", out, " has KL ", fixed(result.kl, 4),
             " and ", fixed(cache_cost(result.hybrid).percent(), 2), " % of the cache\n");
}

std::string selection_plot(const SelectionResult& result) {
  // With several options the best of each layer, and of a chosen layer the one that it got.
  std::vector<double> scores = result.options.front().scores;
  for (size_t layer = 0; layer < scores.size(); ++layer) {
    for (const auto& option : result.options) scores[layer] = std::max(scores[layer], option.scores[layer]);
  }
  for (const auto& [layer, option] : result.chosen) {
    scores[static_cast<size_t>(layer)] = result.options[option].scores[static_cast<size_t>(layer)];
  }
  return score_plot(cat(score_text(result.plan), " (", result.plan.method, ")"), scores, result.layers());
}

}  // namespace zebra
