#include "study/seeds.h"

#include <algorithm>
#include <cmath>

#include "study/claims.h"

namespace zebra {

namespace {

using Values = std::vector<Json>;  // one of each seed

Values members(const Values& values, const std::string& key) {
  Values out;
  for (const Json& value : values) out.push_back(value.value(key, Json()));
  return out;
}

bool all(const Values& values, bool (Json::*is)() const noexcept) {
  return std::all_of(values.begin(), values.end(), [&](const Json& value) { return (value.*is)(); });
}

Json mean(const Values& values) {
  if (!all(values, &Json::is_number)) return {};
  double sum = 0;
  for (const Json& value : values) sum += value.get<double>();
  return sum / static_cast<double>(values.size());
}

// The root of the variance of their mean.
double spread(const Values& values, double middle) {
  double squares = 0;
  for (const Json& value : values) squares += std::pow(value.get<double>() - middle, 2);
  const auto count = static_cast<double>(values.size());
  return std::sqrt(squares / (count - 1) / count);
}

Json mean_score(const Values& values) {
  const Values scores = members(values, "score");
  const Json score = mean(scores), error = mean(members(values, "stderr"));
  Json out = {{"score", score}, {"stderr", Json()}};
  if (score.is_number() && error.is_number()) {
    out["stderr"] = std::hypot(error.get<double>(), spread(scores, score.get<double>()));
  }
  // All seeds were asked the same ones.
  if (values.front().contains("questions")) out["questions"] = values.front()["questions"];
  return out;
}

bool are_equal(const Values& values) {
  return std::all_of(values.begin(), values.end(), [&](const Json& value) { return value == values.front(); });
}

Json merged(const Values& values) {
  const Json& first = values.front();
  if (are_equal(values)) return first;
  if (all(values, &Json::is_number)) return mean(values);
  if (all(values, &Json::is_object)) {
    if (first.contains("score")) return mean_score(values);
    Json out = Json::object();
    for (const auto& [key, value] : first.items()) out[key] = merged(members(values, key));
    return out;
  }
  const bool alike = std::all_of(values.begin(), values.end(),
                                 [&](const Json& value) { return value.is_array() && value.size() == first.size(); });
  if (!alike) return {};
  Json out = Json::array();
  for (size_t i = 0; i < first.size(); ++i) {
    Values entries;
    for (const Json& value : values) entries.push_back(value[i]);
    out.push_back(merged(entries));
  }
  return out;
}

}  // namespace

Json mean_of_seeds(const std::vector<Json>& results) {
  Json out = results.front();
  out["seeds"] = Json::array();
  for (const Json& each : results) out["seeds"].push_back(each["seeds"].front());
  for (size_t i = 0; i < out["rows"].size(); ++i) {
    Values rows;
    for (const Json& each : results) rows.push_back(each["rows"][i]);
    Json& row = out["rows"][i];
    row = merged(rows);
    if (!are_equal(members(rows, "mla_layers"))) row["mla_layers"] = Json();
    if (row["kl"].is_number()) row["kl_stderr"] = spread(members(rows, "kl"), row["kl"].get<double>());
    row["by_seed"] = Json::array();
    for (size_t seed = 0; seed < rows.size(); ++seed) {
      Json own = {{"seed", out["seeds"][seed]}};
      for (const char* key : {"mla_layers", "kl", "ppl", "averages", "recall"}) {
        if (rows[seed].contains(key)) own[key] = rows[seed][key];
      }
      row["by_seed"].push_back(own);
    }
  }
  out["claims"] = judge_claims(out);
  return out;
}

}  // namespace zebra
