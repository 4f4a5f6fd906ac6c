#include "study/page.h"

#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "io/bar_plot.h"
#include "io/markup.h"
#include "io/scatter_plot.h"
#include "study/results.h"

namespace zebra {

namespace {

std::string colour(const std::string& row) {
  if (row.starts_with("x_ecomla")) return "#d1495b";
  if (row.starts_with("zebra")) return "#2a6f97";
  return "#5c6b7a";
}

std::string html_table(const std::vector<Cells>& cells) {
  std::string out = "<div class=\"wide\"><table>\n";
  for (const Cells& line : cells) out += html_row(line, &line == &cells.front() ? "th" : "td");
  return out + "</table></div>\n";
}

// A score of every row over its cache, in percent; "" where none has it.
std::string score_figure(const Json& results, const std::string& title,
                         const std::function<Json(const Json& row)>& score_of) {
  Scatter scatter{.title = title, .x_name = "KV cache, % of the teacher's", .x_scale = AxisScale::root};
  for (const Json& row : results["rows"]) {
    const Json score = score_of(row);
    if (!score.is_object()) continue;
    const double value = 100 * score["score"].get<double>();
    const std::string key = row["row"];
    if (key == "base") {
      scatter.line = value, scatter.line_label = "teacher";
      continue;
    }
    ScatterPoint point{.label = key, .x = row["kv_percent"], .y = value, .error = {}, .colour = colour(key)};
    if (score["stderr"].is_number()) point.error = 100 * score["stderr"].get<double>();
    scatter.points.push_back(point);
  }
  return scatter.points.empty() ? "" : scatter_plot(scatter);
}

std::string figures(const Json& results) {
  std::string out;
  for (const Json& shots : results["shots"]) {
    const std::string count = shots.dump();
    out += score_figure(results, cat("Mean of the tasks, ", count, "-shot, %"),
                        [&](const Json& row) { return row["averages"][count]; });
  }
  out += score_figure(results, "Recall, %", [](const Json& row) { return row.value("recall", Json()); });
  std::vector<Bar> bars;
  for (const Json& row : results["rows"]) {
    const std::string key = row["row"];
    if (key == "base" || !row["kl"].is_number()) continue;
    bars.push_back({key, row["kl"], colour(key), cat(key, ": ", cell(row["kl"], 1, 4))});
  }
  if (!bars.empty()) out += bar_plot("KL to the teacher, nats per token", bars, "lower is closer");
  return out;
}

std::string measures_table(const Json& comparison, const char* list) {
  std::vector<Cells> cells = {{"", comparison["first"], comparison["second"], "difference", "standard error", ""}};
  for (const Json& measure : comparison[list]) {
    const bool nats = measure["measure"] == "KL";
    const auto figure = [&](const char* key) { return cell(measure[key], nats ? 1 : 100, nats ? 4 : 2); };
    cells.push_back({measure["measure"], figure("first"), figure("second"), figure("difference"), figure("stderr"),
                     measure["seen"]});
  }
  return html_table(cells);
}

// The verdict, and what it rests on.
std::string claim_section(const Json& claim) {
  const std::string verdict = claim["verdict"], note = claim["note"];
  std::string out = cat("<h3>", escaped(claim["claim"].get<std::string>()), "</h3>\n<p><b>", escaped(verdict), "</b>",
                        note.empty() ? "" : ": ", escaped(note), "</p>\n");
  for (const Json& comparison : claim["comparisons"]) {
    out += measures_table(comparison, "measures");
    if (comparison["tasks"].empty()) continue;
    out += cat("<details><summary>each task</summary>\n", measures_table(comparison, "tasks"), "</details>\n");
  }
  return out;
}

}  // namespace

std::string reproduce_page(const Json& results) {
  std::string teachers = cat("Teacher: ", results["teacher"].get<std::string>());
  if (results["large_teacher"].is_string()) {
    teachers += cat("; larger teacher: ", results["large_teacher"].get<std::string>());
  }
  const size_t seeds = results["seeds"].size();
  std::string body = cat(
      "<p>", escaped(teachers), ". Each row had ", escaped(short_count(results["tokens"].get<double>())),
      " training tokens; the column tokens also counts the layers of students that a row is made of, "
      "each alone, and DPO.",
      seeds > 1 ? cat(" Numbers are means of ", seeds, " seeds.") : "", "</p>\n", html_table(results_cells(results)));
  const auto shots = results["shots"].get<std::vector<int64_t>>();
  for (size_t i = 1; i < shots.size(); ++i) {
    body += cat("<h2>Each task, ", shots[i], "-shot</h2>\n", html_table(task_cells(results, shots[i])));
  }
  body +=
      cat("<h2>Figures</h2>\n", figures(results),
          "<p class=\"note\">The cache is drawn over its square root; lines up and down are one standard error.</p>\n",
          "<h2>Claims</h2>\n<p class=\"note\">Judged by the mean after the first number of examples; differences are "
          "first row minus second. A standard error is the two rows' pooled, as if they had been asked different "
          "questions, and documents are of one seed",
          seeds > 1 ? "; it holds how far the students' seeds lie apart" : ", as are students",
          ": within one of them no difference is seen, and about one in three of the measures that do not change "
          "differs by more. Few questions, or little training beside the size of the model, are not a test.</p>\n");
  for (const Json& claim : results["claims"]) body += claim_section(claim);
  return html_page("The papers' models, made of one teacher", body);
}

}  // namespace zebra
