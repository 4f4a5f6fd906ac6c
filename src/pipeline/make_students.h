#pragma once
// The students that select compares, where none are given: made as convert makes them by default and, if asked for,
// taught layer by layer. That is a recipe of its own, whose stages and their ledger are in OUT.run.
#include <string>
#include <vector>

#include "base/file.h"
#include "io/json.h"
#include "pipeline/stage_verbs.h"
#include "select/students.h"

namespace zebra {

// Settings of stages, beside those that say which student it is.
struct StudentStages {
  Json convert;  // of each conversion
  // Of `distill --loss layers` of what was converted, and more of them as its --set takes them; null = it stays so.
  Json layers;
  std::vector<std::string> layers_set;
};

// Makes those of `given` that are missing, in `folder`, where a stopped making goes on; Error(usage) if what is there
// was made with other settings.
Students<std::string> make_students(const std::string& teacher, StudentFolders given, const Latents& latents,
                                    bool rest_is_mla, const fs::path& folder, const StudentStages& stages,
                                    const StageVerbs& verbs);

}  // namespace zebra
