#include "upcycle/teacher_notes.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "upcycle/start.h"

namespace zebra {

std::vector<std::string> teacher_notes(const ModelConfig& teacher, const ModelConfig& student) {
  std::vector<std::pair<std::string, std::vector<int64_t>>> losses;  // each with its layers
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const auto* attention = attention_in(teacher, layer);
    const MixerConfig& mixer = student.mixers[static_cast<size_t>(layer)];
    if (!attention || !mixer->converted()) continue;
    for (const auto& loss : start_of(mixer->kind()).losses(*attention, teacher, mixer)) {
      auto known = std::find_if(losses.begin(), losses.end(), [&](const auto& each) { return each.first == loss; });
      if (known == losses.end()) known = losses.insert(losses.end(), {loss, {}});
      known->second.push_back(layer);
    }
  }
  std::vector<std::string> notes;
  for (const auto& [loss, layers] : losses) notes.push_back(cat("layers ", list_text(layers), " ", loss));
  if (!teacher.unknown_keys.empty()) {
    notes.push_back(cat(join(teacher.unknown_keys, ", "), " in its config.json: not known for model_type ",
                        teacher.model_type, ", and not computed"));
  }
  return notes;
}

}  // namespace zebra
