#pragma once
// The work of select: scores or a search, the choice, and the hybrid that follows from it.
#include "eval/documents.h"
#include "select/choice.h"
#include "select/lookup.h"
#include "select/report.h"
#include "select/students.h"
#include "select/subset_search.h"
#include "train/distill.h"

namespace zebra {

struct SelectionRequest {
  std::string teacher, out;
  Students<std::string> students;
  ChoicePlan plan;          // checked
  DistillOptions training;  // where something is trained; student and out are filled in
  LookupSettings lookup;
  SubsetLimits limits;
  TextOptions text;
  std::vector<std::vector<int64_t>> documents;  // of it
  bool resume = true;
  fs::path work;  // for what a stopped run leaves
};

// Fills `hybrid`, too.
SelectionResult run_selection(const SelectionRequest& request, at::TensorOptions how, Model& hybrid);

}  // namespace zebra
