#include "cli/recipe_run.h"

#include <chrono>
#include <map>

#include "base/error.h"
#include "base/file_lock.h"
#include "base/log.h"
#include "cli/child.h"
#include "cli/stage_verbs.h"

namespace zebra::cli {

namespace {

// Outputs that exist must be what the recipe would make now, of what it would be made of.
void check_done(const std::vector<StagePlan>& plans, const StageLedger& ledger) {
  std::map<std::string, std::string> missing;
  for (const auto& plan : plans) {
    if (!fs::exists(plan.output)) {
      missing[plan.stage.name] = plan.output;
      continue;
    }
    ledger.check_done(plan.stage, plan.output);
    for (const auto& name : references(plan.stage)) {
      const auto found = missing.find(name);
      if (found == missing.end()) continue;
      fail_usage("stage ", plan.stage.name, ": ", plan.output, " exists, but ", found->second,
                 ", which it was made from, does not: put that back, or remove this too");
    }
  }
}

void run_stage(const StagePlan& plan, StageLedger& ledger) {
  const StageVerb& verb = verb_of(plan.stage, stage_verbs());
  std::vector<std::string> arguments = plan.arguments;
  // The command as it is printed and recorded, but for how it answers.
  if (verb.has_json) arguments.push_back("--json");
  ledger.started(plan.stage, command_line(plan.arguments));
  const auto start = std::chrono::steady_clock::now();
  const std::string printed = run_verb(arguments);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const Json result = verb.has_json ? parse_json(printed, command_line(arguments)) : Json();
  if (!verb.takes_out) write_json(plan.output, result);
  ledger.finished(plan.stage, seconds.count(), result);
}

}  // namespace

StageLedger run_recipe(const Recipe& recipe, const std::string& out, const std::vector<StagePlan>& plans) {
  fs::create_directories(out);
  const FileLock lock(fs::path(out) / "stages.lock", out);
  StageLedger ledger(fs::path(out) / "stages.json", recipe);
  check_done(plans, ledger);
  for (size_t i = 0; i < plans.size(); ++i) {
    const bool done = fs::exists(plans[i].output);
    log_line(cat("\nstage ", i + 1, " of ", plans.size(), ", ", plans[i].stage.name, done ? ": done already" : "",
                 "\n$ ", command_line(plans[i].arguments)));
    if (!done) run_stage(plans[i], ledger);
  }
  return ledger;
}

}  // namespace zebra::cli
