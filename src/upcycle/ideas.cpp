#include "upcycle/ideas.h"

#include <algorithm>
#include <set>

#include "base/fields.h"

namespace zebra {

namespace {

struct Pair {
  const char* idea;
  const char* other;
};
// An idea needs one of the others that stand beside it.
constexpr Pair kNeeds[] = {{"two-sided", "whiten"}, {"freqfold", "rorope"}, {"freqfold", "complex"},
                           {"constant", "linear"},  {"centred", "linear"},  {"decay-search", "linear"},
                           {"decay-search", "gate"}};
constexpr Pair kExcludes[] = {
    {"spread", "frequencies"}, {"rorope", "complex"}, {"phase", "rotation"}, {"decay-search", "decay-distance"}};

constexpr const char* kRefinedMla = "used-rows,balance,whiten,two-sided,residual,complex,freqfold,phase";
constexpr const char* kRefinedMamba2 = "linear,gate,constant,centred,decay-search,phase";

std::string refined_mla(bool beside_mamba2) {
  return cat(beside_mamba2 ? "frequencies," : "spread,", kRefinedMla);
}

void check_pairs(const std::set<std::string>& chosen, const std::string& flag) {
  for (const auto& [idea, other] : kExcludes) {
    if (chosen.count(idea) && chosen.count(other)) {
      fail_usage(flag, ": ", idea, " and ", other, " are two answers to one question: name one of them");
    }
  }
  if (chosen.count("freqfold") && !chosen.count("rorope") && !chosen.count("complex")) {
    fail_usage(flag, ": freqfold needs rorope or complex: without them the shared key is a mean over heads");
  }
  for (const auto& [idea, other] : kNeeds) {
    if (chosen.count(idea) && !chosen.count(other) && std::string(idea) != "freqfold") {
      fail_usage(flag, ": ", idea, " needs ", other, "; add it to the list");
    }
  }
}

template <class Ideas>
Ideas parse(const std::string& text, const std::string& flag, const std::string& refined) {
  Ideas ideas;
  if (text == "reference") {
    ideas.reference = true;
    return ideas;
  }
  if (text == "plain") return ideas;
  if (text == "refined") return parse<Ideas>(refined, flag, refined);
  std::set<std::string> chosen;
  for (const auto& word : split(text, ',')) {
    bool found = false;
    ideas.fields([&](const char* name, bool& on, const char*) {
      if (word == name) on = found = true;
    });
    if (!found) {
      auto known = field_names(ideas);
      known.insert(known.end(), {"plain", "reference", "refined"});
      const std::string near = nearest(word, known);
      fail_usage(flag, ": expected reference, refined, plain or a list of ", join(field_names(ideas), ", "),
                 "; found \"", word, "\"", near.empty() ? "" : "; did you mean " + near + "?");
    }
    chosen.insert(word);
  }
  check_pairs(chosen, flag);
  return ideas;
}

}  // namespace

MlaIdeas parse_mla_ideas(const std::string& text, const std::string& flag) {
  return parse<MlaIdeas>(text, flag, refined_mla(false));
}

Mamba2Ideas parse_mamba2_ideas(const std::string& text, const std::string& flag) {
  return parse<Mamba2Ideas>(text, flag, kRefinedMamba2);
}

std::string idea_list(MlaIdeas ideas) {
  return join(field_names(ideas), ", ");
}

std::string idea_list(Mamba2Ideas ideas) {
  return join(field_names(ideas), ", ");
}

std::vector<std::string> refined_mla_names(bool beside_mamba2) {
  return split(refined_mla(beside_mamba2), ',');
}

std::vector<std::string> refined_mamba2_names() {
  return split(kRefinedMamba2, ',');
}

std::vector<std::string> ideas_that_need(const std::string& name) {
  std::vector<std::string> out;
  for (const auto& [idea, other] : kNeeds) {
    if (name == other) out.push_back(idea);
  }
  return out;
}

std::string alternative_idea(const std::string& name) {
  for (const auto& [idea, other] : kExcludes) {
    if (name == idea) return other;
    if (name == other) return idea;
  }
  return "";
}

}  // namespace zebra
