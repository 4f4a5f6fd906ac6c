#include "upcycle/inherited.h"

#include <algorithm>

#include "upcycle/start.h"

namespace zebra {

const AttentionConfig* attention_in(const ModelConfig& model, int64_t layer) {
  return model.mixers[static_cast<size_t>(layer)].as<AttentionConfig>();
}

void check_unconverted(const ModelConfig& teacher, int64_t layer, const std::string& flag) {
  if (attention_in(teacher, layer)) return;
  fail_usage(flag, ": layer ", layer, ": expected attention, found ",
             teacher.mixers[static_cast<size_t>(layer)]->kind(),
             ", which the teacher has there already and the student keeps; leave it out");
}

std::vector<int64_t> inherited_layers(const ModelConfig& teacher) {
  std::vector<int64_t> layers;
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    if (!attention_in(teacher, layer)) layers.push_back(layer);
  }
  return layers;
}

void check_transformer(const ModelConfig& teacher, const std::string& what) {
  for (const int64_t layer : inherited_layers(teacher)) {
    fail_input("the teacher's layer ", layer, ": expected attention, found ",
               teacher.mixers[static_cast<size_t>(layer)]->kind(), "; ", what,
               " starts from a Transformer, not from a hybrid");
  }
}

void check_beside_inherited(const ModelConfig& teacher, const ModelConfig& student) {
  const auto inherited = inherited_layers(teacher);
  for (const Start* start : starts()) {
    const auto is_such = [&](const ModelConfig& model, int64_t layer) {
      return std::string_view(model.mixers[static_cast<size_t>(layer)]->kind()) == start->kind();
    };
    // Inherited layers come from one folder and agree already: the first stands for all.
    const auto first =
        std::find_if(inherited.begin(), inherited.end(), [&](int64_t layer) { return is_such(teacher, layer); });
    if (first == inherited.end()) continue;
    for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
      if (!attention_in(teacher, layer) || !is_such(student, layer)) continue;
      start->check_beside(Comparison(start->name(), layer, *first), teacher.mixers[static_cast<size_t>(*first)],
                          student.mixers[static_cast<size_t>(layer)]);
    }
  }
}

}  // namespace zebra
