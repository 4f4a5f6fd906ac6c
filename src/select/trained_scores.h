#pragma once
// What one layer is worth after training: the score of layer i is how much lower the KL to the teacher is when the
// student of the rest (all Mamba2, say) has MLA in layer i and both were distilled on the same tokens (the GA-S2
// selector of KL-guided layer selection, ICLR 2026, which takes the largest scores with no rule of spacing).
#include <functional>
#include <string>
#include <vector>

#include "select/restore_one.h"
#include "train/distill.h"

namespace zebra {

struct TrainedScoring {
  DistillOptions distill;          // of every layer's run; student and out are filled in
  std::string rest;                // folder of the student that has in every layer what is not chosen
  std::vector<std::string> mla;    // folders of those with MLA in every layer, each an option of its own
  fs::path run;                    // scores.json, and the run in work; the caller removes it
  bool resume = true;              // goes on where `run` stands
  Json identity = Json::object();  // what decides the KL besides: a run with another is refused
  std::function<double(const Model&)> kl;
  std::function<void(int64_t done, int64_t all)> progress;  // may be null
};

// One result per option, with the same base. Every score is in RUN/scores.json as soon as it is known, and a stopped
// distillation goes on. Error(usage) where RUN is of other settings.
std::vector<RestoreOne> trained_scores(const TrainedScoring& scoring);

}  // namespace zebra
