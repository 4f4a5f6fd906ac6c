#include "study/init_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

using Names = std::vector<std::string>;

// One of the two settings of an initialisation.
struct Half {
  std::string ConvertSettings::*init;
  Names refined;
  std::string prefix;  // of row names: tells the halves of a hybrid apart
};

std::vector<Half> halves(StudentKind kind) {
  const bool hybrid = kind == StudentKind::hybrid;
  const Half mla = {&ConvertSettings::mla_init, refined_mla_names(hybrid), hybrid ? "MLA " : ""};
  const Half mamba2 = {&ConvertSettings::mamba2_init, refined_mamba2_names(), hybrid ? "Mamba2 " : ""};
  return kind == StudentKind::mla ? std::vector{mla} : hybrid ? std::vector{mla, mamba2} : std::vector{mamba2};
}

std::string list_of(const Names& names) {
  return names.empty() ? "plain" : join(names, ",");
}

Names with(Names names, const std::string& idea) {
  names.push_back(idea);
  return names;
}

Names without(Names names, const std::vector<std::string>& dropped) {
  std::erase_if(names, [&](const auto& name) { return std::count(dropped.begin(), dropped.end(), name) > 0; });
  return names;
}

}  // namespace

std::vector<InitRow> added_rows(StudentKind kind, const ConvertSettings& base) {
  std::vector<InitRow> rows;
  ConvertSettings settings = base;
  settings.refit = "none";
  settings.mla_init = settings.mamba2_init = "reference";
  rows.push_back({"reference", settings});
  for (const auto& half : halves(kind)) {
    const auto add = [&](const std::string& name, const Names& ideas) {
      settings.*half.init = list_of(ideas);
      rows.push_back({name, settings});
    };
    Names ideas;
    add(half.prefix + "plain", ideas);
    for (const auto& idea : half.refined) {
      const std::string other = alternative_idea(idea);
      if (!other.empty()) add(half.prefix + "+ " + other, with(ideas, other));
      ideas.push_back(idea);
      add(half.prefix + "+ " + idea + (other.empty() ? "" : " for it"), ideas);
    }
  }
  settings.refit = "all";
  rows.push_back({kind == StudentKind::hybrid ? "+ refit = refined" : "+ refit", settings});
  settings.refit_on = "student";
  rows.push_back({"refit on student", settings});
  return rows;
}

std::vector<InitRow> left_out_rows(StudentKind kind, const ConvertSettings& widths) {
  std::vector<InitRow> rows;
  ConvertSettings base = widths;
  const bool hybrid = kind == StudentKind::hybrid;  // as convert has it by default
  base.mla_init = base.mamba2_init = "refined", base.refit = hybrid ? "all" : "none";
  const auto add = [&](const std::string& name, ConvertSettings settings, const auto& change) {
    change(settings);
    rows.push_back({name, settings});
  };
  ConvertSettings reference = base;
  reference.mla_init = reference.mamba2_init = "reference";
  add("reference", reference, [](auto& s) { s.refit = "none"; });
  add("reference + refit", reference, [](auto& s) { s.refit = "all"; });
  add("refined", base, [](auto&) {});
  add(hybrid ? "refined - refit" : "refined + refit", base, [&](auto& s) { s.refit = hybrid ? "none" : "all"; });
  for (const auto& half : halves(kind)) {
    if (hybrid) {
      add("refined, " + half.prefix + "reference", base, [&](auto& s) {
        s.*half.init = "reference";
        s.refit = half.init == &ConvertSettings::mla_init ? "mamba2" : "mla";
      });
    }
    for (const auto& idea : half.refined) {
      if (idea == "used-rows") continue;  // residual uses all rows: nothing would change
      const auto dropped = with(ideas_that_need(idea), idea);
      const auto left = without(half.refined, dropped);
      add(half.prefix + "refined - " + join(without(half.refined, left), ", "), base,
          [&](auto& s) { s.*half.init = list_of(left); });
      const std::string other = alternative_idea(idea);
      if (other.empty()) continue;
      add(half.prefix + "refined, " + other + " for " + idea, base,
          [&](auto& s) { s.*half.init = list_of(with(without(half.refined, {idea}), other)); });
    }
  }
  return rows;
}

}  // namespace zebra
