#include "train/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace zebra {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// A line as a JSON object; null where it is none, as after a crash.
Json object_of(const std::string& line) {
  try {
    Json json = parse_json(line, "line");
    return json.is_object() ? json : Json();
  } catch (const Error&) {
    return Json();
  }
}

double loss_of(const Json& line) {
  const auto found = line.find("loss");
  return found != line.end() && found->is_number() ? found->get<double>() : kNone;
}

std::string content_of(const fs::path& path) {
  try {
    return fs::exists(path) ? read_file(path) : "";
  } catch (const Error&) {
    return "";  // it is only a log
  }
}

}  // namespace

std::vector<std::string> readable_metrics(std::string_view content, int64_t steps_done) {
  std::vector<std::string> lines(static_cast<size_t>(steps_done));
  for (size_t at = 0; at < content.size();) {
    const size_t end = std::min(content.find('\n', at), content.size());
    std::string line(content.substr(at, end - at));
    at = end + 1;
    const Json json = object_of(line);
    const auto step = json.is_object() ? json.find("step") : json.end();
    if (step == json.end() || !step->is_number_integer()) continue;
    const auto number = step->get<int64_t>();
    if (number >= 1 && number <= steps_done) lines[static_cast<size_t>(number - 1)] = std::move(line);
  }
  return lines;
}

MetricsFile::MetricsFile(const fs::path& path, int64_t steps_done) : path_(path) {
  std::string kept;
  if (steps_done > 0) {
    int64_t lost = 0, step = 0;
    for (auto& line : readable_metrics(content_of(path), steps_done)) {
      ++step;
      if (line.empty()) ++lost, line = Json{{"step", step}, {"loss", nullptr}}.dump();
      losses_.push_back(loss_of(object_of(line)));
      kept += line + "\n";
    }
    if (lost > 0) {
      log_warning(cat(path.string(), ": the lines of ", lost, " of ", steps_done,
                      " steps are lost or cannot be read; the others are kept, and the run goes on"));
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

void MetricsFile::sync() {
  sync_file(path_);
}

std::vector<Curve> read_curves(const fs::path& metrics) {
  std::vector<Curve> curves;
  size_t lines = 0;
  for (const auto& line : split(content_of(metrics), '\n')) {
    if (line.empty()) continue;
    const Json json = object_of(line);
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
  return used ? sum / static_cast<double>(used) : kNone;
}

}  // namespace zebra
