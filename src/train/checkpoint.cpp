#include "train/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/log.h"
#include "base/new_file.h"
#include "base/text.h"
#include "io/crc32c.h"
#include "io/format.h"
#include "io/safetensors.h"

namespace zebra {

namespace {

constexpr size_t kKept = 2;
constexpr const char* kState = "state.json";

// What an optimizer remembers, by the name of its file.
std::vector<std::pair<std::string, NamedTensors>> parts_of(const Optimizer& optimizer) {
  std::vector<std::pair<std::string, NamedTensors>> parts = {{"weights.safetensors", optimizer.weights()},
                                                             {"m.safetensors", optimizer.first_moments()},
                                                             {"v.safetensors", optimizer.second_moments()}};
  if (auto bases = optimizer.bases(); !bases.empty()) parts.emplace_back("bases.safetensors", std::move(bases));
  return parts;
}

// Returns what state.json says of the file.
FileSum write_tensors(const fs::path& path, const NamedTensors& tensors) {
  std::vector<SafetensorsWriter::Entry> plan;
  for (const auto& [name, value] : tensors) plan.push_back({name, Dtype::f32, value.sizes().vec()});
  SafetensorsWriter writer(path, std::move(plan));
  for (const auto& [name, value] : tensors) {
    const at::Tensor plain = value.detach().to(at::kCPU).contiguous();
    writer.append(name, plain.data_ptr(), plain.nbytes());
  }
  writer.finish();
  return {static_cast<int64_t>(writer.bytes()), writer.checksum()};
}

// `said`: what state.json says of the file, null in format 1.
void check_content(const fs::path& path, const SafetensorsFile& file, const FileSum* said) {
  if (said == nullptr) return;
  const auto size = static_cast<int64_t>(file.content().size());
  if (size != said->bytes) fail_input(path.string(), ": expected ", said->bytes, " bytes, found ", size);
  const uint32_t found = crc32c(file.content());
  if (found != said->crc32c) fail_input(path.string(), ": checksum: expected ", said->crc32c, ", found ", found);
}

void read_tensors(const fs::path& path, const NamedTensors& tensors, const FileSum* said) {
  const SafetensorsFile file(path);
  check_content(path, file, said);
  for (const auto& [name, value] : tensors) {
    const auto found = file.tensors().find(name);
    if (!found) {
      fail_input(path.string(), ": tensor ", name, " is missing: the run belongs to another model");
    }
    const TensorView& view = *found;
    if (view.dtype != Dtype::f32 || view.shape != value.sizes().vec()) {
      fail_input(path.string(), ": tensor ", name, ": expected F32 ", shape_text(value.sizes().vec()), ", found ",
                 dtype_name(view.dtype), " ", shape_text(view.shape));
    }
    at::Tensor plain = at::empty(view.shape, at::kFloat);
    std::memcpy(plain.data_ptr(), view.data, view.bytes);
    at::Tensor(value).copy_(plain);
  }
  if (file.tensors().size() != tensors.size()) {
    fail_input(path.string(), ": expected ", tensors.size(), " tensors, found ", file.tensors().size(),
               ": the run belongs to another model");
  }
}

// Complete checkpoints, oldest first; the step number is padded, so that names sort.
std::vector<fs::path> checkpoints(const fs::path& run) {
  std::vector<fs::path> out;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", missing)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("step-", 0) == 0 && name.find('.') == std::string::npos && fs::is_directory(entry.path())) {
      out.push_back(entry.path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Fills `optimizer`; the steps done.
int64_t load(const fs::path& checkpoint, const Json& json, RunState& now, int64_t steps, Optimizer& optimizer) {
  const fs::path path = checkpoint / kState;
  const SavedState state = parse_run_state(json, path);
  check_same_settings(state.run.settings, now.settings, path);
  if (state.has_sums) check_same_content(state.run.content, now.content, path);
  if (state.run.step > steps) {
    fail_input(path.string(), ": key \"step\": expected at most the run's ", steps, ", found ", state.run.step);
  }
  for (const auto& [name, tensors] : parts_of(optimizer)) {
    const FileSum* said = state.sum_of(name);
    if (state.has_sums && said == nullptr) {
      fail_input(path.string(), ": key \"files\": expected ", name, ", found no such key");
    }
    read_tensors(checkpoint / name, tensors, said);
  }
  optimizer.restore(state.counts.updates, state.counts.skipped, state.counts.skipped_in_a_row);
  now.best_step = state.run.best_step, now.best_loss = state.run.best_loss;
  return state.run.step;
}

}  // namespace

void save_run(const fs::path& run, const RunState& state, const Optimizer& optimizer) {
  fs::create_directories(run / "checkpoints");
  const std::string name = checkpoint_name(state.step);
  NewFolder folder(run / "checkpoints" / name);
  SavedState saved{.run = state,
                   .counts = {optimizer.updates(), optimizer.skipped(), optimizer.skipped_in_a_row()},
                   .has_sums = true};
  for (const auto& [file, tensors] : parts_of(optimizer)) {
    saved.files.emplace_back(file, write_tensors(folder.path() / file, tensors));
  }
  write_run_state(folder.path() / kState, saved);
  folder.commit();
  // Later ones are damaged, or the run would have begun from them.
  size_t kept = 0;
  const auto all = checkpoints(run);
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    const bool best = each->filename() == checkpoint_name(state.best_step);
    if (each->filename() > name || (++kept > kKept && !best)) fs::remove_all(*each);
  }
}

std::optional<fs::path> latest_run(const fs::path& run) {
  const auto all = checkpoints(run);
  if (all.empty()) return std::nullopt;
  return all.back();
}

std::optional<int64_t> resume_run(const fs::path& run, RunState& now, int64_t steps, Optimizer& optimizer) {
  const auto all = checkpoints(run);
  if (all.empty()) return std::nullopt;
  std::vector<std::string> damage;
  const auto sound = [&](const std::function<void()>& read) {
    try {
      read();
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::input) throw;
      damage.push_back(error.what());
      return false;
    }
  };
  for (auto each = all.rbegin(); each != all.rend(); ++each) {
    Json state;
    int64_t step = 0;
    if (!sound([&] { state = read_run_state(*each / kState); })) continue;
    read_format(state, (*each / kState).string(), kRunFormat);  // one of a newer program is not damaged
    if (!sound([&] { step = load(*each, state, now, steps, optimizer); })) continue;
    if (!damage.empty()) {
      log_warning(cat(join(damage, "; "), ": damaged, so the run goes on from the checkpoint before"));
    }
    if (!state.contains("format")) {
      log_warning(cat(each->string(), ": it is of an earlier version, without checksums: that its files, the data and ",
                      "the teacher are still the same cannot be checked"));
    }
    log_line(cat("resuming after step ", step, " of ", steps, " (", each->string(), ")"));
    return step;
  }
  fail_input(damage.front(), ": of ", all.size(), " checkpoints none can be read; start anew with --resume never");
}

void load_run(const fs::path& run, const RunState& now, int64_t step, Optimizer& optimizer) {
  const fs::path checkpoint = run / "checkpoints" / checkpoint_name(step);
  RunState same = now;
  load(checkpoint, read_run_state(checkpoint / kState), same, step, optimizer);
}

void remove_checkpoints(const fs::path& run) {
  std::error_code missing;
  std::vector<fs::path> ours;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", missing)) {
    if (entry.path().filename().string().starts_with("step-")) ours.push_back(entry.path());  // else somebody else's
  }
  std::sort(ours.begin(), ours.end());
  for (const fs::path& each : ours) {
    // First under a name that no run goes on from, and the newest last: half removed it would be a damaged one.
    fs::path gone = each;
    std::error_code error;
    if (!each.has_extension()) {
      gone += ".removed";
      fs::remove_all(gone, error);  // what an earlier removal left
      if (!error) fs::rename(each, gone, error);
    }
    if (!error) fs::remove_all(gone, error);
    if (error) log_warning(each.string() + " cannot be removed: " + error.message());
  }
  fs::remove(run / "checkpoints", missing);
}

}  // namespace zebra
