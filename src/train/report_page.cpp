#include "train/report_page.h"

#include <ctime>

#include "base/error.h"
#include "base/machine.h"
#include "base/text.h"
#include "io/card.h"
#include "io/markup.h"
#include "train/curve_plot.h"
#include "train/layer_map.h"

namespace zebra {

namespace {

std::string value_text(const Json& value) {
  return without_machine_paths(value.is_string() ? value.get<std::string>() : value.dump());
}

// Groups as "train.lr", as they are set.
std::string setting_rows(const Json& settings, const std::string& prefix = "") {
  std::string out;
  for (const auto& [key, value] : settings.items()) {
    out += value.is_object() ? setting_rows(value, prefix + key + ".") : html_row({prefix + key, value_text(value)});
  }
  return out;
}

std::string machine_rows() {
  char now[32];
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  std::strftime(now, sizeof now, "%Y-%m-%d %H:%M UTC", gmtime_r(&time, &utc));
  std::string out = html_row({"finished", now}) +
                    html_row({"processor", cat(processor_name(), ", ", processor_cores(), " cores")}) +
                    html_row({"memory", bytes_text(memory_bytes())});
  for (const auto& name : gpu_names()) out += html_row({"GPU", name});
  return out;
}

std::string curve_pictures(const std::vector<Curve>& curves) {
  std::string out;
  for (const Curve& curve : curves) {
    // The loop's own count says nothing that the steps do not.
    if (curve.name == "tokens") continue;
    const bool spreads = curve.name == "loss" || curve.name == "grad_norm";
    out += curve_plot(curve.name, curve.values, spreads ? AxisScale::automatic : AxisScale::linear);
  }
  return out;
}

}  // namespace

std::string report_page(const RunSummary& run, const ModelConfig& model, const std::vector<Curve>& curves) {
  std::string figures;
  for (const auto& [name, value] : run_figures(run)) figures += html_row({name, value});
  return html_page(run.title, cat("<p>", escaped(without_machine_paths(run.origin)), "</p>\n<table>\n", figures,
                                  "</table>\n<h2>Curves</h2>\n", curve_pictures(curves), "<h2>Layers</h2>\n",
                                  layer_map(model), "<h2>How it was made</h2>\n<pre>",
                                  escaped(without_machine_paths(run.command)), "</pre>\n<table>\n", machine_rows(),
                                  "</table>\n<h2>Settings</h2>\n<table>\n", setting_rows(run.settings), "</table>\n"));
}

void write_summary(const fs::path& folder, const RunSummary& run, const ModelConfig& model,
                   const fs::path& run_folder) {
  write_file(folder / "README.md", model_card(run, model));
  write_file(folder / "report.html", report_page(run, model, read_curves(run_folder / kMetricsName)));
}

}  // namespace zebra
