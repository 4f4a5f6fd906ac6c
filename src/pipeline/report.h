#pragma once
// What zebra upcycle prints: the plan of a dry run, and the table at the end.
#include "pipeline/ledger.h"
#include "pipeline/plan.h"

namespace zebra {

// hours = operations / (tflops 1e12 mfu) / 3600
struct Throughput {
  double tflops = 0;  // 0 = by the stage's device: dense bf16 of one H100 or H200, or two cores with AVX-512
  double mfu = 0.4;
  double hours(const StagePlan& plan) const;
};

std::string plan_table(const Recipe& recipe, const std::vector<StagePlan>& plans, const Throughput& throughput);
Json plan_json(const Recipe& recipe, const std::vector<StagePlan>& plans, const Throughput& throughput);

std::string summary_table(const std::vector<StagePlan>& plans, const StageLedger& ledger);
Json summary_json(const Recipe& recipe, const std::vector<StagePlan>& plans, const StageLedger& ledger);

}  // namespace zebra
