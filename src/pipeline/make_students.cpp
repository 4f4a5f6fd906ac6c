#include "pipeline/make_students.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "io/format.h"
#include "io/sealed_json.h"
#include "model/weights_checksum.h"
#include "pipeline/run.h"
#include "train/run_checks.h"
#include "train/run_state.h"

namespace zebra {

namespace {

constexpr const char* kStatisticsName = "statistics.safetensors";
constexpr const char* kLearned = "learned";
constexpr int64_t kMadeFromFormat = 1;

// What is there was made with these settings.
void check_done(const StageLedger& ledger, const StagePlan& plan) {
  try {
    ledger.check_done(plan.stage, plan.output);
  } catch (const Error& error) {
    fail(error.kind(), "students that select makes: ", error.what(), ": --resume never does so");
  }
}

// What was learnt belongs to one teacher and one text; `begins`: nothing was learnt yet.
void check_made_from(const Recipe& recipe, const fs::path& folder, bool begins) {
  const fs::path file = folder / "made_from.json";
  const std::string* data = recipe.stages.back().find("data");
  const Json now = {{"teacher_weights", weights_checksum(*WeightSource::open(recipe.teacher))},
                    {"teacher_config", checksum(read_config(recipe.teacher))},
                    {"data", file_checksums(data ? split(*data, ',') : std::vector<std::string>())}};
  if (begins) {
    fs::create_directories(folder);
    return write_sealed_json(file, {{"format", kMadeFromFormat}, {"content", now}});
  }
  if (!fs::exists(file)) {
    return log_warning(cat(folder.string(), ": it is of an earlier version, without checksums: that the data and the ",
                           "teacher are still the same cannot be checked"));
  }
  const Json saved = read_sealed_json(file).value;
  read_format(saved, file.string(), kMadeFromFormat);
  if (!saved.contains("content") || !saved["content"].is_object()) {
    fail_input(file.string(), ": key \"content\": expected an object; pass --resume never to start anew");
  }
  check_same_content(saved["content"], now, file);
}

// What its last stage writes if that teaches, else what each of its stages does.
std::vector<std::string> run_stages(const Recipe& recipe, const fs::path& folder, const StageVerbs& verbs) {
  const auto plans = plan_stages(recipe, folder.string(), verbs, true);
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
  if (teaches) check_made_from(recipe, folder, begins);
  run_recipe(recipe, folder.string(), plans, verbs, 1);
  if (teaches) return plans.back().written;
  std::vector<std::string> folders;
  for (const auto& plan : plans) folders.push_back(plan.output);
  return folders;
}

}  // namespace

Students<std::string> make_students(const std::string& teacher, StudentFolders given, const Latents& latents,
                                    bool rest_is_mla, const fs::path& folder, const StudentStages& stages,
                                    const StageVerbs& verbs) {
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
    Recipe recipe = parse_recipe({{"name", "students"}, {"teacher", teacher}, {"stages", all}}, "select", verbs.known);
    for (const auto& assignment : stages.layers_set) set_recipe(recipe, cat(kLearned, ".", assignment), verbs.known);
    std::vector<std::string> folders = run_stages(recipe, folder, verbs);
    if (makes_mamba2) given.mamba2 = folders.front(), folders.erase(folders.begin());
    if (given.mla.empty()) given.mla = folders;
  }
  return rest_is_mla ? with_smallest_as_rest(given.mla) : Students<std::string>{given.mamba2, given.mla};
}

}  // namespace zebra
