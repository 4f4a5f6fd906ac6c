#include "study/claims.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/text_table.h"
#include "study/rows.h"

namespace zebra {

namespace {

constexpr const char* const kNone = "no difference seen";
constexpr const char* kMissing = "not measured";
constexpr const char* kNoTest = "not a test";
// What a verdict needs: so many questions, or a standard error of at most so much.
constexpr int64_t kQuestions = 1000;
constexpr double kError = 0.01;
// Training tokens of a parameter. The papers have about 1 to 7: with far fewer, a difference says how far a training
// has come and not where it ends.
constexpr double kTokensPerParameter = 0.5;

using Pair =
    std::pair<const char*, const char*>;  // keys of rows: the first is said to be as good as the second, or better

struct Claim {
  const char* text;
  std::vector<Pair> rows;
  std::function<void(const Json& results, Json& claim)> judge;  // sets verdict and note
};

const Json* row_of(const Json& results, const std::string& key) {
  for (const Json& row : results["rows"]) {
    if (row["row"] == key) return &row;
  }
  return nullptr;
}

// {"score", "stderr"} or a plain number, which has no error.
std::optional<double> score_of(const Json& value) {
  const Json& score = value.is_object() ? value["score"] : value;
  return score.is_number() ? std::optional(score.get<double>()) : std::nullopt;
}

std::optional<double> error_of(const Json& value) {
  if (!value.is_object() || !value["stderr"].is_number()) return std::nullopt;
  return value["stderr"].get<double>();
}

const char* seen(double difference, const Json& error) {
  if (error.is_number() && std::abs(difference) <= error.get<double>()) return kNone;
  return difference > 0 ? "higher" : difference < 0 ? "lower" : "equal";
}

int64_t questions_of(const Json& value) {
  return value.is_object() ? value.value("questions", int64_t{0}) : 0;
}

// Whether so many questions, or an error so small, allow a verdict.
bool is_test(const Json& error, int64_t questions) {
  return questions >= kQuestions || (error.is_number() && error.get<double>() <= kError);
}

void compare(Json& measures, const std::string& name, const Json& first, const Json& second) {
  const auto one = score_of(first), other = score_of(second);
  if (!one || !other) return;
  const auto a = error_of(first), b = error_of(second);
  const Json error = a && b ? Json(std::hypot(*a, *b)) : Json();
  measures.push_back({{"measure", name},
                      {"first", *one},
                      {"second", *other},
                      {"difference", *one - *other},
                      {"stderr", error},
                      {"questions", std::min(questions_of(first), questions_of(second))},
                      {"seen", seen(*one - *other, error)}});
}

Json member(const Json& object, const std::string& key) {
  return object.is_object() ? object.value(key, Json()) : Json();
}

Json kl_score(const Json& row) {
  return {{"score", row["kl"]}, {"stderr", row.value("kl_stderr", Json())}};
}

Json comparison(const Json& results, const Json& first, const Json& second) {
  Json measures = Json::array(), tasks = Json::array();
  for (const Json& shots : results["shots"]) {
    const std::string count = shots.dump();
    compare(measures, cat("mean ", count, "-shot"), member(member(first, "averages"), count),
            member(member(second, "averages"), count));
  }
  compare(measures, "recall", member(first, "recall"), member(second, "recall"));
  compare(measures, "KL", kl_score(first), kl_score(second));
  for (const Json& shots : results["shots"]) {
    for (const Json& task : results["tasks"]) {
      const std::string count = shots.dump(), name = task;
      compare(tasks, cat(name, " ", count, "-shot"), member(member(member(first, "tasks"), count), name),
              member(member(member(second, "tasks"), count), name));
    }
  }
  return {{"first", first["row"]}, {"second", second["row"]}, {"measures", measures}, {"tasks", tasks}};
}

// The mean of the comparisons' differences in what claims are judged by: the average after the first number of
// examples.
struct Judged {
  double difference = 0;
  Json error;
  int64_t questions = std::numeric_limits<int64_t>::max();  // the fewest of a comparison
  bool measured = false;
  bool is_test() const { return zebra::is_test(error, questions); }
  std::string seen() const { return zebra::seen(difference, error); }
};

Judged judged(const Json& results, const Json& claim) {
  Judged out;
  if (results["shots"].empty()) return out;
  const std::string name = cat("mean ", results["shots"].front().dump(), "-shot");
  double squares = 0, count = 0;
  bool errors = true;
  for (const Json& comparison : claim["comparisons"]) {
    for (const Json& measure : comparison["measures"]) {
      if (measure["measure"] != name) continue;
      out.difference += measure["difference"].get<double>(), ++count;
      out.questions = std::min(out.questions, measure["questions"].get<int64_t>());
      errors = errors && measure["stderr"].is_number();
      if (errors) squares += std::pow(measure["stderr"].get<double>(), 2);
    }
  }
  out.measured = count > 0;
  if (!out.measured) return out;
  out.difference /= count;
  if (errors) out.error = std::sqrt(squares) / count;
  return out;
}

std::string difference_text(const Judged& judged) {
  const std::string error = judged.error.is_number() ? cat(" +- ", fixed(100 * judged.error.get<double>(), 2)) : "";
  return cat(judged.difference > 0 ? "+" : "", fixed(100 * judged.difference, 2), error, " points on average");
}

// Says that nothing can be said where rows learned from too little; nothing else is asked then.
bool trained_enough(const Json& results, Json& claim) {
  for (const Json& comparison : claim["comparisons"]) {
    for (const char* which : {"first", "second"}) {
      const std::string key = comparison[which];
      if (key == "base") continue;
      const Json& row = *row_of(results, key);
      const double tokens = row["tokens"], parameters = row["parameters"];
      if (tokens >= kTokensPerParameter * parameters) continue;
      claim["verdict"] = kNoTest;
      claim["note"] = cat(key, " was trained on ", short_count(tokens), " tokens, ", fixed(tokens / parameters, 3),
                          " for each parameter, where the papers have about 1 to 7 and a verdict needs ",
                          fixed(kTokensPerParameter, 1));
      return false;
    }
  }
  return true;
}

// Says what was found, and whether it allows a verdict.
bool allows_verdict(const Judged& found, Json& claim) {
  claim["note"] = found.measured ? difference_text(found) : "needs tasks";
  if (!found.measured || found.is_test()) return found.measured;
  claim["verdict"] = kNoTest;
  claim["note"] = cat(difference_text(found), " of ", found.questions, " questions: a verdict needs ", kQuestions,
                      " of them or a standard error of at most ", fixed(100 * kError, 0), " point");
  return false;
}

void is_better(const Json& results, Json& claim) {
  if (!trained_enough(results, claim)) return;
  const Judged found = judged(results, claim);
  if (!allows_verdict(found, claim)) return;
  const std::string seen = found.seen();
  claim["verdict"] = seen == "higher" ? "confirmed" : seen == "lower" ? "refuted" : kNone;
}

// As good is enough.
void is_kept(const Json& results, Json& claim) {
  if (!trained_enough(results, claim)) return;
  const Judged found = judged(results, claim);
  if (!allows_verdict(found, claim)) return;
  const std::string seen = found.seen();
  claim["verdict"] = seen == "lower" ? "refuted" : seen == "higher" ? "confirmed" : cat("confirmed: ", kNone);
  const Json& row = *row_of(results, claim["comparisons"][0]["first"]);
  claim["note"] = cat("with ", fixed(row["kv_percent"].get<double>(), 2), " % of the cache ", difference_text(found));
}

// Where both chose the same layers nothing is compared.
void chooses_better(const Json& results, Json& claim) {
  Json differing = Json::array();
  for (const Json& pair : claim["comparisons"]) {
    if ((*row_of(results, pair["first"]))["mla_layers"] != (*row_of(results, pair["second"]))["mla_layers"]) {
      differing.push_back(pair);
    }
  }
  claim["comparisons"] = differing;
  claim["note"] = "both chose the same layers, so nothing is compared";
  if (!differing.empty()) is_better(results, claim);
}

// Tokens after which the first row's training loss was what the second's is at the end.
void learns_sooner(const Json& results, Json& claim) {
  if (!trained_enough(results, claim)) return;
  std::vector<std::string> notes;
  size_t sooner = 0;
  for (const Json& pair : claim["comparisons"]) {
    const Json one = row_of(results, pair["first"])->value("learning", Json::array());
    const Json other = row_of(results, pair["second"])->value("learning", Json::array());
    if (one.empty() || other.empty()) continue;
    const double all = other.back()[0], target = other.back()[1];
    const auto found = std::find_if(one.begin(), one.end(), [&](const Json& point) { return point[1] <= target; });
    const bool before = found != one.end() && (*found)[0] < all;
    if (before) ++sooner;
    const std::string when = before ? cat("after ", short_count((*found)[0]), " tokens") : "not before the end";
    notes.push_back(cat(pair["first"].get<std::string>(), " reaches ", when, " the training loss of ",
                        pair["second"].get<std::string>(), " at its end, after ", short_count(all)));
  }
  claim["note"] = notes.empty() ? "needs metrics.jsonl of both runs" : join(notes, "; ");
  if (notes.empty()) return;
  claim["verdict"] = sooner == notes.size() ? "confirmed" : sooner == 0 ? "refuted" : "confirmed of some rows only";
}

// Nothing is better or worse as a whole: which measures moved, of those that allow to say so.
void what_changed(const Json& results, Json& claim) {
  if (!trained_enough(results, claim)) return;
  std::vector<std::string> up, down, parts;
  size_t measured = 0, coarse = 0;
  for (const char* list : {"measures", "tasks"}) {
    for (const Json& measure : claim["comparisons"][0][list]) {
      if (!measure["stderr"].is_number()) continue;
      const bool nats = measure["measure"] == "KL";
      if (!nats && !is_test(measure["stderr"], measure["questions"])) {
        ++coarse;
        continue;
      }
      ++measured;
      const char* better = nats ? "lower" : "higher";
      if (measure["seen"] == better)
        up.push_back(measure["measure"]);
      else if (measure["seen"] != kNone && measure["seen"] != "equal")
        down.push_back(measure["measure"]);
    }
  }
  claim["note"] = measured + coarse == 0 ? "needs tasks" : cat("of ", measured, " measures");
  if (coarse > 0) {
    claim["note"] = cat("of ", measured, " measures; ", coarse, " others have fewer than ", kQuestions,
                        " questions and a standard error above ", fixed(100 * kError, 0), " point");
  }
  if (measured == 0 && coarse > 0) claim["verdict"] = kNoTest;
  if (measured == 0) return;
  if (!up.empty()) parts.push_back(cat("helps ", join(up, ", ")));
  if (!down.empty()) parts.push_back(cat("hurts ", join(down, ", ")));
  claim["verdict"] = parts.empty() ? kNone : join(parts, "; ");
}

const std::vector<Claim>& claims() {
  static const std::vector<Claim> all = {
      {"A larger teacher helps",
       {{"x_ecomla_4_large", "x_ecomla_4"},
        {"x_ecomla_6_4_large", "x_ecomla_6_4"},
        {"x_ecomla_10_6_large", "x_ecomla_10_6"}},
       is_better},
      {"A cache about 6 times smaller keeps the average", {{"x_ecomla_6_4", "base"}}, is_kept},
      {"A hybrid with a few percent of the cache (the papers: at most 4) keeps all of it",
       {{"zebra_quarter", "base"}},
       is_kept},
      {"Layers that SMART chooses beat evenly spread ones",
       {{"zebra_half", "zebra_half_uniform"}, {"zebra_quarter", "zebra_quarter_uniform"}},
       chooses_better},
      {"The refined initialisation needs fewer tokens than the reference",
       {{"x_ecomla_6_4", "x_ecomla_6_4_reference"}, {"zebra_quarter", "zebra_quarter_reference"}},
       learns_sooner},
      {"What DPO at the end helps or hurts", {{"zebra_quarter_dpo", "zebra_quarter"}}, what_changed}};
  return all;
}

}  // namespace

Json judge_claims(const Json& results) {
  Json out = Json::array();
  for (const Claim& claim : claims()) {
    Json json = {{"claim", claim.text}, {"verdict", kMissing}, {"note", ""}, {"comparisons", Json::array()}};
    std::vector<std::string> lacking;
    for (const auto& [first, second] : claim.rows) {
      const Json *one = row_of(results, first), *other = row_of(results, second);
      if (one && other) json["comparisons"].push_back(comparison(results, *one, *other));
      lacking.push_back(cat(first, " and ", second));
    }
    if (json["comparisons"].empty()) {
      json["note"] = cat("needs the rows ", join(lacking, ", or "));
    } else {
      claim.judge(results, json);
    }
    out.push_back(json);
  }
  return out;
}

}  // namespace zebra
