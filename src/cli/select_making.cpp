#include "cli/select_making.h"

#include "base/error.h"
#include "base/text.h"
#include "cli/recipe_run.h"
#include "cli/stage_verbs.h"

namespace zebra::cli {

namespace {

constexpr const char* kStatisticsName = "statistics.safetensors";
constexpr const char* kLearned = "learned";

// What is there was made with these settings.
void check_done(const StageLedger& ledger, const StagePlan& plan) {
  try {
    ledger.check_done(plan.stage, plan.output);
  } catch (const Error& error) {
    fail(error.kind(), "students that select makes: ", error.what(), ": --resume never does so");
  }
}

// What its last stage writes if that teaches, else what each of its stages does.
std::vector<std::string> run_stages(const Recipe& recipe, const fs::path& folder) {
  const auto plans = plan_stages(recipe, folder.string(), true);
  const bool teaches = plans.back().stage.name == kLearned;
  if (!teaches) {  // conversions are quick, and a teacher may have changed under its name
    for (const auto& plan : plans) fs::remove_all(plan.output);
    fs::remove(folder / "stages.json");
  }
  const StageLedger ledger(folder / "stages.json", recipe);
  bool begins = true;
  for (const auto& plan : plans) {
    if (plan.done()) begins = false, check_done(ledger, plan);
  }
  if (begins) fs::remove(folder / kStatisticsName);  // of an earlier start, which may have measured on another text
  run_recipe(recipe, folder.string(), plans, 1);
  if (teaches) return plans.back().written;
  std::vector<std::string> folders;
  for (const auto& plan : plans) folders.push_back(plan.output);
  return folders;
}

}  // namespace

Students<std::string> make_students(const std::string& teacher, StudentFolders given, const Latents& latents,
                                    bool rest_is_mla, const fs::path& folder, const StudentStages& stages) {
  Json all = Json::array(), made = Json::array();
  const auto convert = [&](const std::string& name, const Json& which) {
    Json stage = {{"stage", name}, {"verb", "convert"}, {"teacher", "@teacher"}};
    stage.update(which), stage.update(stages.convert);
    stage["statistics"] = (folder / kStatisticsName).string();  // the teacher is measured once for all
    all.push_back(stage), made.push_back("@" + name);
  };
  const bool makes_mamba2 = given.makes_mamba2(rest_is_mla);
  if (makes_mamba2) convert("mamba2", {{"mla_layers", "none"}});
  for (size_t i = 0; given.mla.empty() && i < latents.kv_ranks.size(); ++i) {
    const int64_t rank = latents.kv_ranks[i];
    convert(cat("mla-", rank), {{"mla_layers", "all"}, {"kv_rank", rank}, {"rope_dim", latents.rope_dim}});
  }
  if (!made.empty()) {
    if (!stages.layers.is_null()) {
      Json stage = {{"stage", kLearned}, {"verb", "distill"}, {"teacher", "@teacher"}, {"loss", "layers"}};
      stage["student"] = made.size() == 1 ? made.front() : made;  // several share the teacher's passes
      stage.update(stages.layers);
      all.push_back(stage);
    }
    Recipe recipe =
        parse_recipe({{"name", "students"}, {"teacher", teacher}, {"stages", all}}, "select", stage_verbs());
    for (const auto& assignment : stages.layers_set) set_recipe(recipe, cat(kLearned, ".", assignment), stage_verbs());
    std::vector<std::string> folders = run_stages(recipe, folder);
    if (makes_mamba2) given.mamba2 = folders.front(), folders.erase(folders.begin());
    if (given.mla.empty()) given.mla = folders;
  }
  return rest_is_mla ? with_smallest_as_rest(given.mla) : Students<std::string>{given.mamba2, given.mla};
}

}  // namespace zebra::cli
