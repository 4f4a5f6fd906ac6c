// What a stopped run reads back: state.json of a checkpoint, metrics.jsonl and the event file.
#include "base/error.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"
#include "io/crc32c.h"
#include "io/event_file.h"
#include "io/sealed_json.h"
#include "train/metrics.h"
#include "train/run_state.h"

namespace zebra::fuzz {

namespace {

constexpr const char *kState = "step-0000000003/state.json", *kEvents = "events";
constexpr int64_t kSteps = 3;

const Json& settings() {
  static const Json all = {{"lr", 0.1}, {"held_out", 8}, {"words", {"a", "b"}}, {"name", ""}, {"on", false}};
  return all;
}

std::string written(const SavedState& state) {
  write_run_state(folder() / kState, state);
  return read_file(folder() / kState);
}

std::string metrics() {
  std::string out;
  for (int step = 1; step <= 4; ++step) {
    out += Json{{"step", step}, {"loss", step == 2 ? Json() : Json(1.5 / step)}, {"lr", 1e-3}}.dump() + "\n";
  }
  return out;
}

std::string events() {
  fs::remove(folder() / kEvents);
  EventFile file(folder() / kEvents, 0);
  for (int64_t step = 1; step <= 4; ++step) file.add(step, {{"loss", 1.5}, {"lr", 1e-3}});
  return read_file(folder() / kEvents);
}

// With the checksum of what stands in it, so that what stands behind it is reached too.
void seal(const fs::path& path) {
  Json json = parse_json(read_file(path), path.string());
  if (!json.is_object() || json.erase("crc32c") == 0 || json.empty()) return;
  write_sealed_json(path, json);
}

}  // namespace

std::vector<std::string> seeds() {
  fs::create_directories((folder() / kState).parent_path());
  const SavedState state{.run = {.step = kSteps,
                                 .best_step = 2,
                                 .best_loss = 0.25,
                                 .settings = settings(),
                                 .content = {{"text", "3 tokens, crc32c 7"}, {"teacher_weights", -5}}},
                         .counts = {2, 1, 1},
                         .has_sums = true,
                         .files = {{"weights.safetensors", {1000, 4294967295}}, {"m.safetensors", {1000, 0}}}};
  const std::string old =
      Json{{"step", 3}, {"updates", 3}, {"skipped", 0}, {"skipped_in_a_row", 0}, {"settings", settings()}}.dump();
  return {parts({{kState, written(state)}, {kMetricsName, metrics()}}), parts({{kState, old}}),
          parts({{kMetricsName, metrics()}, {kEvents, events()}})};
}
std::vector<std::string> words() {
  return with_json_words({"\"format\":", "\"step\":", "\"updates\":", "\"skipped\":", "\"skipped_in_a_row\":",
                          "\"best\":", "\"loss\":", "\"settings\":", "\"content\":", "\"files\":", "\"bytes\":",
                          "\"crc32c\":", "\"crc32c\": ", "{\"step\": 1, \"loss\": 2}\n", "2", "3", "\n====\n"});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  fuzz::without_warnings();
  fuzz::put_parts(fuzz::text(data, size), {fuzz::kState, kMetricsName, fuzz::kEvents});
  const fs::path path = fuzz::folder() / fuzz::kState;
  const auto attempt = [](const auto& call) {
    try {
      call();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::usage) __builtin_trap();
    }
  };
  attempt([&] {
    if (size % 4 != 0) fuzz::seal(path);
    const SavedState state = parse_run_state(read_run_state(path), path);
    const auto& [updates, skipped, in_a_row] = state.counts;
    if (state.run.step != fuzz::kSteps || updates < 0 || updates + skipped != fuzz::kSteps) __builtin_trap();
    if (in_a_row < 0 || in_a_row > skipped) __builtin_trap();
    if (state.run.best_step < 0 || state.run.best_step > fuzz::kSteps) __builtin_trap();
    check_same_settings(state.run.settings, state.run.settings, path);
    attempt([&] { check_same_settings(state.run.settings, fuzz::settings(), path); });
    attempt([&] { check_same_content(state.run.content, fuzz::settings(), path); });
    write_run_state(path, state);
    if (parse_run_state(read_run_state(path), path).run.settings != state.run.settings) __builtin_trap();
  });
  // A damaged log never keeps a run from going on, so here nothing may fail.
  const fs::path metrics = fuzz::folder() / kMetricsName;
  read_curves(metrics);
  if (MetricsFile(metrics, fuzz::kSteps).losses().size() != fuzz::kSteps) __builtin_trap();
  const auto lines = readable_metrics(read_file(metrics), fuzz::kSteps);
  for (const auto& line : lines) {
    if (line.empty()) __builtin_trap();
  }
  const fs::path events = fuzz::folder() / fuzz::kEvents;
  EventFile(events, fuzz::kSteps).add(fuzz::kSteps + 1, {{"loss", 1}});
  const std::string content = read_file(events);
  if (readable_events(content, fuzz::kSteps + 1).bytes != content.size()) __builtin_trap();
  return 0;
}
