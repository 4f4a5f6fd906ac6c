#pragma once
// What `zebra reproduce` found, row by row: results.json, and the table made of it.
#include <string>
#include <vector>

#include "base/text_table.h"
#include "pipeline/ledger.h"
#include "pipeline/plan.h"
#include "study/rows.h"

namespace zebra {

// Keys: docs/formats.md. `plans` as made after the run, with the layers that were chosen.
Json reproduce_results(const Reproduction& made, const ReproduceOptions& options, const std::vector<StagePlan>& plans,
                       const StageLedger& ledger);

// The table: a line of heads, then a line for each row. Tasks are those after the first number of examples.
std::vector<Cells> results_cells(const Json& results);

// Of each task after `shots` examples, in percent.
std::vector<Cells> task_cells(const Json& results, int64_t shots);

// "61.32"; "-" for what is no number.
std::string cell(const Json& value, double scale, int digits);

}  // namespace zebra
