#pragma once
// OUT/stages.json: which command made each output of a recipe. It is written before a stage starts, so that an output
// never stands there without its command; with the outputs themselves it is all that going on after a kill needs.
#include <optional>
#include <string>

#include "pipeline/recipe.h"

namespace zebra {

class StageLedger {
 public:
  // Reads `file` if it is there.
  StageLedger(fs::path file, const Recipe& recipe);

  // Error(usage) unless the finished `stage` was made with the settings that it has now.
  void check_done(const Stage& stage, const std::string& output) const;
  void started(const Stage& stage, const std::string& command);
  // `result`: what the verb printed with --json, or null.
  void finished(const Stage& stage, double seconds, const Json& result);

  std::optional<double> seconds(const std::string& stage) const;  // of the process that finished it
  Json result(const std::string& stage) const;                    // null where there is none

 private:
  fs::path file_;
  Json json_;
};

}  // namespace zebra
