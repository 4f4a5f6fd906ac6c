// MMLU (Hendrycks et al. 2021), one subject: question, choices (4), answer (0 to 3).
#include <algorithm>

#include "base/error.h"
#include "data/python_text.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  const std::vector<std::string> options = texts(document, "choices", where);
  if (options.size() != 4) fail_input(where, ": key \"choices\": expected 4 texts, found ", options.size());
  Question out;
  out.choices = {"A", "B", "C", "D"};
  out.prompt = python::strip(text(document, "question", where));
  for (size_t i = 0; i < 4; ++i) out.prompt += "\n" + out.choices[i] + ". " + options[i];
  out.prompt += "\nAnswer:";
  out.gold = label(document, "answer", where);
  return out;
}

}  // namespace

Task mmlu(const std::string& name) {
  std::string subject = name.substr(std::string("mmlu_").size());
  std::replace(subject.begin(), subject.end(), '_', ' ');
  return {.name = name,
          .alias = name.substr(std::string("mmlu_").size()),
          .examples = "dev",
          .first_examples = true,
          .description = "The following are multiple choice questions (with answers) about " + subject + ".\n\n",
          .question = question};
}

const std::vector<MmluGroup>& mmlu_groups() {
  static const std::vector<MmluGroup> groups = {
      {{"mmlu_stem", "stem"},
       {"mmlu_abstract_algebra", "mmlu_anatomy", "mmlu_astronomy", "mmlu_college_biology", "mmlu_college_chemistry",
        "mmlu_college_computer_science", "mmlu_college_mathematics", "mmlu_college_physics", "mmlu_computer_security",
        "mmlu_conceptual_physics", "mmlu_electrical_engineering", "mmlu_elementary_mathematics",
        "mmlu_high_school_biology", "mmlu_high_school_chemistry", "mmlu_high_school_computer_science",
        "mmlu_high_school_mathematics", "mmlu_high_school_physics", "mmlu_high_school_statistics",
        "mmlu_machine_learning"}},
      {{"mmlu_other", "other"},
       {"mmlu_business_ethics", "mmlu_clinical_knowledge", "mmlu_college_medicine", "mmlu_global_facts",
        "mmlu_human_aging", "mmlu_management", "mmlu_marketing", "mmlu_medical_genetics", "mmlu_miscellaneous",
        "mmlu_nutrition", "mmlu_professional_accounting", "mmlu_professional_medicine", "mmlu_virology"}},
      {{"mmlu_social_sciences", "social sciences"},
       {"mmlu_econometrics", "mmlu_high_school_geography", "mmlu_high_school_government_and_politics",
        "mmlu_high_school_macroeconomics", "mmlu_high_school_microeconomics", "mmlu_high_school_psychology",
        "mmlu_human_sexuality", "mmlu_professional_psychology", "mmlu_public_relations", "mmlu_security_studies",
        "mmlu_sociology", "mmlu_us_foreign_policy"}},
      {{"mmlu_humanities", "humanities"},
       {"mmlu_formal_logic", "mmlu_high_school_european_history", "mmlu_high_school_us_history",
        "mmlu_high_school_world_history", "mmlu_international_law", "mmlu_jurisprudence", "mmlu_logical_fallacies",
        "mmlu_moral_disputes", "mmlu_moral_scenarios", "mmlu_philosophy", "mmlu_prehistory", "mmlu_professional_law",
        "mmlu_world_religions"}},
  };
  return groups;
}

}  // namespace zebra::tasks
