#include "pipeline/run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/child.h"
#include "base/command.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/log.h"
#include "base/machine.h"

namespace zebra {

namespace {

// Outputs that exist must be what the recipe would make now, of what it would be made of.
void check_done(const std::vector<StagePlan>& plans, const StageLedger& ledger) {
  std::map<std::string, std::string> missing;
  for (const auto& plan : plans) {
    if (!plan.done()) {
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

class Run {
 public:
  Run(const std::string& out, const std::vector<StagePlan>& plans, StageLedger& ledger,
      const std::vector<StageVerb>& verbs, int64_t jobs)
      : out_(out), plans_(plans), ledger_(ledger), verbs_(verbs), jobs_(static_cast<size_t>(jobs)) {}

  // After a failure or a signal nothing more begins, and what the others have finished by then is still recorded.
  void all() {
    std::optional<Children::Finished> failed;
    for (;;) {
      if (!failed && children_.received() == 0) start_ready();
      if (children_.running() == 0) break;
      const Children::Finished finished = children_.wait();
      if (finished.code == 0) {
        record(finished);
      } else if (!failed) {
        failed = finished;
        children_.stop();
      }
    }
    if (children_.received() != 0) {
      fail_signal(children_.received(),
                  cat("what is finished is saved in ", out_.string(), "; the same command goes on from there",
                      failed ? cat(", with stage ", failed->name) : ""));
    }
    if (failed) fail_as(*failed);
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool side_by_side() const { return jobs_ > 1; }

  // Those that wait for nothing, in order.
  void start_ready() {
    for (size_t i = 0; i < plans_.size() && children_.running() < jobs_; ++i) {
      const std::string& name = plans_[i].stage.name;
      if (started_.count(name) || !is_ready(plans_[i].stage)) continue;
      const bool made = plans_[i].done();
      log_line(cat("\nstage ", i + 1, " of ", plans_.size(), ", ", name, made ? ": done already" : "", "\n$ ",
                   command_line(plans_[i].arguments)));
      if (made)
        done_.insert(name);
      else
        start(plans_[i]);
      started_.emplace(name, std::pair(&plans_[i], Clock::now()));
    }
  }

  bool is_ready(const Stage& stage) const {
    const auto names = references(stage);
    return std::all_of(names.begin(), names.end(), [&](const auto& name) { return done_.count(name) > 0; });
  }

  // The command as it is printed and recorded, but for how it answers, and that a run killed between its results may
  // write the first again.
  std::vector<std::string> asked(const StagePlan& plan) const {
    auto arguments = plan.arguments;
    if (verb_of(plan.stage, verbs_).has_json) arguments.push_back("--json");
    if (plan.written.size() > 1) arguments.push_back("--overwrite");
    return arguments;
  }

  void start(const StagePlan& plan) {
    ledger_.started(plan.stage, command_line(plan.arguments));
    const int64_t threads = std::max<int64_t>(1, processor_cores() / static_cast<int64_t>(jobs_));
    children_.start(plan.stage.name, asked(plan), side_by_side() ? out_ / (plan.stage.name + ".log") : fs::path(),
                    side_by_side() ? threads : 0);
  }

  void record(const Children::Finished& finished) {
    const auto& [plan, since] = started_.at(finished.name);
    const std::chrono::duration<double> seconds = Clock::now() - since;
    const StageVerb& verb = verb_of(plan->stage, verbs_);
    const Json result = verb.has_json ? parse_json(finished.printed, command_line(asked(*plan))) : Json();
    if (!verb.takes_out) write_json(plan->output, result);
    ledger_.finished(plan->stage, seconds.count(), result);
    if (side_by_side()) log_line(cat("stage ", finished.name, ": done in ", std::llround(seconds.count()), " s"));
    done_.insert(finished.name);
  }

  const fs::path out_;
  const std::vector<StagePlan>& plans_;
  StageLedger& ledger_;
  const std::vector<StageVerb>& verbs_;
  const size_t jobs_;
  Children children_;
  std::map<std::string, std::pair<const StagePlan*, Clock::time_point>> started_;
  std::set<std::string> done_;
};

}  // namespace

StageLedger run_recipe(const Recipe& recipe, const std::string& out, const std::vector<StagePlan>& plans,
                       const StageVerbs& verbs, int64_t jobs) {
  fs::create_directories(out);
  const FileLock lock(fs::path(out) / "stages.lock", out);
  StageLedger ledger(fs::path(out) / "stages.json", recipe);
  check_done(plans, ledger);
  Run(out, plans, ledger, verbs.known, jobs).all();
  return ledger;
}

}  // namespace zebra
