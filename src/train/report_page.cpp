#include "train/report_page.h"

#include <ctime>

#include "base/error.h"
#include "base/machine.h"
#include "base/text.h"
#include "io/markup.h"
#include "train/curve_plot.h"
#include "train/layer_map.h"

namespace zebra {

namespace {

constexpr const char* kStyle =
    "body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1d2733;background:#fff}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #e3e7eb;padding:.2em .8em .2em 0;"
    "text-align:left;vertical-align:top;font-variant-numeric:tabular-nums}"
    "pre{background:#f4f6f8;padding:.8em;white-space:pre-wrap;overflow-wrap:anywhere}"
    "svg{max-width:100%;height:auto;display:block;margin:.6em 0}.note{color:#5c6b7a}";

std::string row(const std::string& name, const std::string& value) {
  return cat("<tr><td>", escaped(name), "</td><td>", escaped(value), "</td></tr>\n");
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// Groups as "train.lr", as they are set.
std::string setting_rows(const Json& settings, const std::string& prefix = "") {
  std::string out;
  for (const auto& [key, value] : settings.items()) {
    out += value.is_object() ? setting_rows(value, prefix + key + ".") : row(prefix + key, value_text(value));
  }
  return out;
}

std::string machine_rows() {
  char now[32];
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  std::strftime(now, sizeof now, "%Y-%m-%d %H:%M UTC", gmtime_r(&time, &utc));
  std::string out = row("finished", now) + row("processor", cat(processor_name(), ", ", processor_cores(), " cores")) +
                    row("memory", bytes_text(memory_bytes()));
  for (const auto& name : gpu_names()) out += row("GPU", name);
  return out;
}

std::string curve_pictures(const std::vector<Curve>& curves) {
  std::string out;
  for (const Curve& curve : curves) {
    // The loop's own count says nothing that the steps do not.
    if (curve.name == "tokens") continue;
    const bool spreads = curve.name == "loss" || curve.name == "grad_norm";
    out += curve_plot(curve.name, curve.values, spreads ? CurveScale::automatic : CurveScale::linear);
  }
  return out;
}

}  // namespace

std::string report_page(const RunSummary& run, const ModelConfig& model, const std::vector<Curve>& curves) {
  std::string figures;
  for (const auto& [name, value] : run_figures(run)) figures += row(name, value);
  const std::string title = escaped(run.title);
  return cat("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", title,
             "</title>\n<style>", kStyle, "</style>\n</head>\n<body>\n<h1>", title, "</h1>\n<p>", escaped(run.origin),
             "</p>\n<table>\n", figures, "</table>\n<h2>Curves</h2>\n", curve_pictures(curves), "<h2>Layers</h2>\n",
             layer_map(model), "<h2>How it was made</h2>\n<pre>", escaped(run.command), "</pre>\n<table>\n",
             machine_rows(), "</table>\n<h2>Settings</h2>\n<table>\n", setting_rows(run.settings),
             "</table>\n</body>\n</html>\n");
}

void write_summary(const fs::path& folder, const RunSummary& run, const ModelConfig& model,
                   const fs::path& run_folder) {
  write_file(folder / "README.md", model_card(run));
  write_file(folder / "report.html", report_page(run, model, read_curves(run_folder / kMetricsName)));
}

}  // namespace zebra
