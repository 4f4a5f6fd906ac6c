#include "upcycle/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "upcycle/inherited.h"
#include "upcycle/mamba2_start.h"
#include "upcycle/mla_start.h"

namespace zebra {

namespace {

class Planner {
 public:
  Planner(const ModelConfig& teacher, const StudentOptions& options) : teacher_(teacher), options_(options) {}

  ModelConfig plan() {
    check_teacher();
    const std::vector<const Start*> becomes = options_.layers.empty() ? by_short_flags() : by_layers();
    if (std::all_of(becomes.begin(), becomes.end(), [](const Start* start) { return !start; })) fail_nothing_changes();
    for (const Start* start : starts()) {
      std::set<int64_t> made;
      for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
        if (becomes[static_cast<size_t>(layer)] == start) made.insert(layer);
      }
      start->check_options(options_, made, teacher_);
    }
    ModelConfig student = teacher_;
    choose_format(student, becomes);
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      const Start* start = becomes[static_cast<size_t>(layer)];
      if (!start) continue;
      student.mixers[static_cast<size_t>(layer)] =
          start->shape(options_, *attention_in(teacher_, layer), student.format, layer);
    }
    check_beside_inherited(teacher_, student);
    return student;
  }

 private:
  void check_teacher() const {
    if (teacher_.mixers.empty()) fail_input("the teacher has no layers: nothing to convert");
    if (inherited_layers(teacher_).size() < teacher_.mixers.size()) return;
    fail_usage("the teacher: expected a layer of attention to convert, found ", teacher_.layers(),
               " that are converted already; give an earlier folder of it");
  }

  [[noreturn]] void fail_nothing_changes() const {
    if (!options_.layers.empty()) {
      fail_usage("--layers ", options_.layers, ": nothing would change; name a layer that becomes another mixer");
    }
    fail_usage("--mla-layers none --rest attention: nothing would change; name layers or use --rest mamba2");
  }

  // The layers that a flag names; all = every attention layer that is left.
  std::set<int64_t> named(const std::string& text, const std::string& flag) const {
    std::set<int64_t> layers;
    for (const int64_t layer : parse_layers(text, teacher_.layers(), flag)) {
      if (text != "all") check_unconverted(teacher_, layer, flag);
      if (attention_in(teacher_, layer)) layers.insert(layer);
    }
    return layers;
  }

  // Null where the layer stays as it is. The short forms of by_layers() name two kinds.
  std::vector<const Start*> by_short_flags() const {
    const std::set<int64_t> mla = named(options_.mla_layers, "--mla-layers"),
                            mamba2 = named(options_.mamba2_layers, "--mamba2-layers");
    std::vector<const Start*> becomes;
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      if (mla.count(layer) && mamba2.count(layer)) {
        fail_usage("--mamba2-layers: layer ", layer, " is in --mla-layers too; name it once");
      }
      const bool rest = attention_in(teacher_, layer) && options_.rest == Rest::mamba2;
      becomes.push_back(mla.count(layer) ? &mla_start() : mamba2.count(layer) || rest ? &mamba2_start() : nullptr);
    }
    return becomes;
  }

  // "0:attention,1-3:mla,rest:mamba2"; what is not named stays.
  std::vector<const Start*> by_layers() const {
    std::map<int64_t, const Start*> given;
    const Start* rest = nullptr;
    bool has_rest = false;
    for (const auto& word : split(options_.layers, ',')) {
      const auto parts = split(word, ':');
      if (parts.size() != 2) {
        fail_usage("--layers: expected LAYERS:KIND,.. as 0:attention,1-3:mla,rest:mamba2, found \"", word, "\"");
      }
      const Start* start = parts[1] == AttentionConfig::kKind ? nullptr : &start_of(parts[1]);
      if (parts[0] == "rest") {
        if (std::exchange(has_rest, true)) fail_usage("--layers: \"rest\" is there twice; name it once");
        rest = start;
        continue;
      }
      for (const int64_t layer : parse_layers(parts[0], teacher_.layers(), "--layers")) {
        if (start) check_unconverted(teacher_, layer, "--layers");
        if (!given.emplace(layer, start).second) fail_usage("--layers: layer ", layer, " is there twice; name it once");
      }
    }
    std::vector<const Start*> becomes;
    for (int64_t layer = 0; layer < teacher_.layers(); ++layer) {
      const auto single = given.find(layer);
      becomes.push_back(single != given.end() ? single->second : attention_in(teacher_, layer) ? rest : nullptr);
    }
    return becomes;
  }

  // X-EcoMLA's folders hold reference MLA and attention; Zebra-Llama's everything.
  void choose_format(ModelConfig& student, const std::vector<const Start*>& becomes) const {
    const bool eco = teacher_.format != Format::zebra_llama &&
                     std::all_of(becomes.begin(), becomes.end(),
                                 [&](const Start* start) { return !start || start->fits_x_ecomla(options_); });
    student.format = eco ? Format::x_ecomla : Format::zebra_llama;
    if (teacher_.format == student.format) return;
    student.raw_hybrid = student.raw_mla = Json::object();  // keys of the other format
  }

  const ModelConfig& teacher_;
  const StudentOptions& options_;
};

}  // namespace

RefitPlan refit_of(const RefitPlan& plan, const ModelConfig& student) {
  const auto alike = [&](const MixerConfig& mixer) { return mixer.same_kind(student.mixers.front()); };
  const bool one_kind = std::all_of(student.mixers.begin(), student.mixers.end(), alike);
  RefitPlan out = plan;
  if (plan.unless_one_kind && one_kind) out.mla = out.mamba2 = false;
  return out;
}

MlaIdeas mla_ideas_of(const StudentOptions& options, const ModelConfig& student) {
  const auto is_recurrent = [](const MixerConfig& mixer) { return mixer->state().fp32 > 0; };
  MlaIdeas ideas = options.mla;
  if (options.mla_refined && std::any_of(student.mixers.begin(), student.mixers.end(), is_recurrent)) {
    ideas.spread = false, ideas.frequencies = true;
  }
  return ideas;
}

ModelConfig plan_student(const ModelConfig& teacher, const StudentOptions& options) {
  return Planner(teacher, options).plan();
}

}  // namespace zebra
