#include "eval/task_metrics.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"
#include "eval/python_random.h"

namespace zebra {

namespace {

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double mean(const std::vector<double>& values) {
  return sum(values) / static_cast<double>(values.size());
}

double sample_deviation(const std::vector<double>& values) {
  const double middle = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double bootstrapped_perplexity_error(const std::vector<double>& values, int64_t iterations) {
  const int64_t run = std::min<int64_t>(1000, iterations), runs = iterations / run;
  const auto n = static_cast<double>(values.size());
  std::vector<double> results(static_cast<size_t>(runs * run));
  at::parallel_for(0, runs, 1, [&](int64_t begin, int64_t end) {
    for (int64_t seed = begin; seed < end; ++seed) {
      python::Random random(static_cast<uint64_t>(seed));
      for (int64_t i = 0; i < run; ++i) {
        double total = 0;
        for (size_t k = 0; k < values.size(); ++k) total += values[static_cast<size_t>(random.uniform() * n)];
        results[static_cast<size_t>(seed * run + i)] = std::exp(-(total / n));
      }
    }
  });
  return sample_deviation(results);
}

}  // namespace

bool higher_is_better(const std::string& metric) {
  return metric != "perplexity" && metric != "word_perplexity" && metric != "byte_perplexity" &&
         metric != "bits_per_byte";
}

MetricResult aggregate(const MetricValues& values, int64_t iterations) {
  MetricResult out{values.metric, values.filter, 0, {}};
  const bool several = values.values.size() > 1 && iterations > 0;
  if (!values.weights.empty()) {
    const double ratio = sum(values.values) / sum(values.weights);
    out.value = values.metric == "bits_per_byte" ? -ratio / std::numbers::ln2 : std::exp(-ratio);
  } else if (values.metric == "perplexity") {
    out.value = std::exp(-mean(values.values));
    if (several) out.error = bootstrapped_perplexity_error(values.values, iterations);
  } else {
    out.value = mean(values.values);
    if (several) out.error = sample_deviation(values.values) / std::sqrt(static_cast<double>(values.values.size()));
  }
  return out;
}

MetricResult aggregate_group(const std::vector<MetricResult>& results, const std::vector<int64_t>& sizes) {
  MetricResult out{results.front().metric, results.front().filter, 0, 0.0};
  double all = 0, variance = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    const auto size = static_cast<double>(sizes[i]);
    all += size;
    out.value += results[i].value * size;
    if (!results[i].error)
      out.error.reset();
    else
      variance += (size - 1) * *results[i].error * *results[i].error * size;
  }
  out.value /= all;
  if (out.error) out.error = std::sqrt(variance / (all - static_cast<double>(results.size())) / all);
  return out;
}

}  // namespace zebra
