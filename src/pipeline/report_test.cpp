#include "pipeline/report.h"

#include <gtest/gtest.h>

#include "support/scratch.h"

namespace zebra {
namespace {

// The summary of one stage that asked these tasks.
std::string summary_of(const std::string& tasks, const Json& results) {
  const ScratchFolder scratch;
  const Recipe recipe =
      parse_recipe({{"name", "r"},
                    {"teacher", "t"},
                    {"stages", {{{"stage", "asked"}, {"verb", "eval"}, {"dir", "@teacher"}, {"tasks", tasks}}}}},
                   "r", {{.name = "eval", .places = {"dir"}, .options = {"tasks"}, .takes_out = false}});
  StageLedger ledger(scratch.path / "stages.json", recipe);
  StagePlan plan;
  plan.stage = recipe.stages.front();
  ledger.started(plan.stage, "zebra eval");
  ledger.finished(plan.stage, 1.5, {{"results", results}});
  return summary_table({plan}, ledger);
}

TEST(Summary, ShowsTasksAndTheirMean) {
  const Json results = {{"mmlu", {{"acc,none", 0.5}}},
                        {"mmlu_law", {{"acc,none", 0.1}}},
                        {"piqa", {{"acc,none", 0.2}, {"acc_norm,none", 0.75}}}};
  const std::string table = summary_of("piqa,mmlu", results);
  EXPECT_NE(table.find("acc_norm  0.7500"), std::string::npos) << table;
  EXPECT_NE(table.find("0.6250"), std::string::npos) << table;  // of what was asked, a group as a whole
  EXPECT_EQ(table.find("mmlu_law"), std::string::npos) << table;
}

TEST(Summary, HasNoMeanOfOtherThanAccuracies) {
  const Json results = {{"piqa", {{"acc,none", 0.2}}}, {"wikitext", {{"word_perplexity,none", 20.5}}}};
  const std::string table = summary_of("piqa,wikitext", results);
  EXPECT_NE(table.find("20.5000"), std::string::npos) << table;
  EXPECT_EQ(table.find("mean"), std::string::npos) << table;
  EXPECT_EQ(summary_of("piqa", Json::object()).find("metric"), std::string::npos);
}

}  // namespace
}  // namespace zebra
