#include "upcycle/card.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "io/card.h"
#include "model/describe.h"
#include "upcycle/mla_export_amd.h"

namespace zebra {

namespace {

// "layer | mixer | shape | error" with the given separators.
std::string rows(const ConversionSummary& summary, bool markdown) {
  const auto line = [&](const std::string& layer, const std::string& mixer, const std::string& shape,
                        const std::string& error) {
    if (markdown) return cat("| ", layer, " | ", mixer, " | ", shape, " | ", error, " |\n");
    const auto padded = [](const std::string& text, size_t width) {
      return text + std::string(width - std::min(width, text.size()), ' ');
    };
    return padded(layer, 7) + padded(mixer, 11) + padded(shape, 66) + error + "\n";
  };
  std::string out = line("layer", "mixer", "shape", "error");
  if (markdown) out += "|---|---|---|---|\n";
  const auto& report = summary.report;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    out += line(std::to_string(i), report.layers[i].mixer, report.student.mixers[i]->shape(),
                report.layers[i].error ? fixed(*report.layers[i].error, 4) : "-");
  }
  return out;
}

// Which layers came converted; empty of a Transformer.
std::string inherited_text(const ConversionReport& report) {
  std::vector<int64_t> layers;
  for (size_t i = 0; i < report.layers.size(); ++i) {
    if (report.layers[i].inherited) layers.push_back(static_cast<int64_t>(i));
  }
  return layers.empty() ? "" : cat("layers ", list_text(layers), " as the teacher has them already");
}

std::string cache_text(const ModelConfig& student) {
  const auto cost = cache_cost(student);
  std::string out = cat(fixed(cost.percent(), 2), " % of the attention model's (", fixed(cost.per_token, 0), " of ",
                        fixed(cost.base_per_token, 0), " bytes per token at 16 bits");
  if (cost.per_sequence > 0) out += cat(", and ", bytes_text(cost.per_sequence), " per sequence");
  out += ")";
  if (cost.per_sequence > 0) out += cat("; all of it at ", cache_use_text(student, usual_lengths(student)));
  return out;
}

}  // namespace

std::string conversion_table(const ConversionSummary& summary) {
  std::string out = rows(summary, false);
  const std::string inherited = inherited_text(summary.report);
  if (!inherited.empty()) out += cat("kept     ", inherited, "\n");
  out += cat("cache    ", cache_text(summary.report.student), "\n");
  for (const auto& note : summary.notes) out += cat("note     ", note, "\n");
  const std::string no_export = no_amd_export(summary.report.student);
  if (!no_export.empty()) out += cat("export   not to AMD's format. ", no_export, "\n");
  if (summary.report.kl) {
    out += cat("KL       ", fixed(*summary.report.kl, 4),
               " nats per token to the teacher before any training, on held-out rows (", summary.calibration, ")\n");
  }
  return out;
}

std::string conversion_card(const ConversionSummary& summary) {
  const fs::path teacher = summary.teacher;
  std::string out = card_head(
      {.title = (teacher.has_filename() ? teacher : teacher.parent_path()).filename().string() + ", converted",
       .origin = cat("A student of `", summary.teacher, "`, initialised by zebra without training."),
       .how = summary.command,
       .made_from = teacher,
       .is_hybrid = summary.report.student.format != Format::huggingface,
       .tags = mixer_tags(summary.report.student.mixers)});
  const std::string inherited = inherited_text(summary.report);
  out += cat("## What it is\n\nCache: ", cache_text(summary.report.student), ".\n\n",
             inherited.empty() ? "" : cat("Kept: ", inherited, ".\n\n"));
  for (const auto& note : summary.notes) out += cat("Not as in the teacher: ", note, ".\n\n");
  out += rows(summary, true) + "\n";
  const std::string no_export = no_amd_export(summary.report.student);
  if (!no_export.empty()) out += cat("It cannot be exported to AMD's format. ", no_export, ".\n\n");
  if (summary.report.kl) {
    out += cat("KL(teacher || student) before any training: ", fixed(*summary.report.kl, 4),
               " nats per token on held-out calibration rows (", summary.calibration,
               "). The column \"error\" is the squared distance of the student's stream to the teacher's behind the "
               "mixer, relative to what the teacher's mixer adds.\n");
  }
  return out;
}

Json conversion_json(const ConversionSummary& summary) {
  const auto& report = summary.report;
  const auto cost = cache_cost(report.student);
  Json json;
  json["teacher"] = summary.teacher;
  json["cache_percent"] = cost.percent();
  json["cache_bytes_per_token"] = cost.per_token;
  json["cache_bytes_per_sequence"] = cost.per_sequence;
  json["notes"] = summary.notes;
  json["layers"] = Json::array();
  for (const auto& layer : report.layers) {
    json["layers"].push_back({{"mixer", layer.mixer},
                              {"inherited", layer.inherited},
                              {"error", layer.error ? Json(*layer.error) : Json(nullptr)}});
  }
  json["calibration"] = summary.calibration.empty() ? Json(nullptr) : Json(summary.calibration);
  const std::string no_export = no_amd_export(report.student);
  json["amd_export"] = no_export.empty() ? Json(true) : Json(no_export);
  json["kl"] = report.kl ? Json(*report.kl) : Json(nullptr);
  return json;
}

}  // namespace zebra
