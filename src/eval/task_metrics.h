#pragma once
// From the values of documents to a score and its standard error, as lm-evaluation-harness aggregates them.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zebra {

// Values of one metric under one filter, one a document; `weights` (words, bytes) where the metric is weighted.
struct MetricValues {
  std::string metric, filter;
  std::vector<double> values, weights;
};

struct MetricResult {
  std::string metric, filter;
  double value = 0;
  std::optional<double> error;  // standard error; absent where the harness says N/A
};

bool higher_is_better(const std::string& metric);

// Means have the sample deviation / sqrt(n); perplexity is bootstrapped with Python's random numbers, `iterations`
// draws in runs of 1000 (0 = none); weighted ones have no error.
MetricResult aggregate(const MetricValues& values, int64_t iterations);

// Mean of several tasks weighted by their sizes, and its pooled error.
MetricResult aggregate_group(const std::vector<MetricResult>& results, const std::vector<int64_t>& sizes);

}  // namespace zebra
