#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace zebra {

MetricsFile::MetricsFile(const fs::path& path, int64_t steps_done) : path_(path) {
  std::string kept;
  if (steps_done > 0 && fs::exists(path)) {
    for (const auto& line : split(read_file(path), '\n')) {
      const int64_t expected = static_cast<int64_t>(losses_.size()) + 1;
      if (expected > steps_done) break;
      const Json json = parse_json(line, path.string());
      if (json_get<int64_t>(json, "step", path.string()) != expected) break;
      losses_.push_back(json_get<double>(json, "loss", std::numeric_limits<double>::quiet_NaN(), path.string()));
      kept += line + "\n";
    }
  }
  write_file(path, kept);
  file_.open(path, std::ios::app);
  if (!file_) fail(ErrorKind::disk, path.string(), ": cannot be written");
}

void MetricsFile::add(int64_t step, double loss, const Json& more) {
  losses_.push_back(loss);
  Json line;
  line["step"] = step;
  line["loss"] = loss;  // null where not finite
  line.update(more);
  file_ << line.dump() << "\n" << std::flush;
  if (!file_) fail(ErrorKind::disk, path_.string(), ": writing failed; is the disk full?");
}

std::vector<Curve> read_curves(const fs::path& metrics) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::vector<Curve> curves;
  size_t lines = 0;
  for (const auto& line : split(read_file(metrics), '\n')) {
    if (line.empty()) continue;
    const Json json = parse_json(line, metrics.string());
    for (const auto& [name, value] : json.items()) {
      if (name == "step" || !(value.is_number() || value.is_null())) continue;
      auto curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& each) { return each.name == name; });
      if (curve == curves.end()) curve = curves.insert(curve, {name, {}});
      curve->values.resize(lines, kNone);
      curve->values.push_back(value.is_number() ? value.get<double>() : kNone);
    }
    ++lines;
  }
  for (Curve& curve : curves) curve.values.resize(lines, kNone);
  return curves;
}

double MetricsFile::last_loss() const {
  const size_t count = losses_.size() / 20 + 1;
  double sum = 0;
  size_t used = 0;
  for (size_t i = losses_.size() - std::min(count, losses_.size()); i < losses_.size(); ++i) {
    if (std::isfinite(losses_[i])) sum += losses_[i], ++used;
  }
  return used ? sum / static_cast<double>(used) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace zebra
