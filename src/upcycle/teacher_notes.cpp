#include "upcycle/teacher_notes.h"

#include "base/error.h"
#include "base/text.h"

namespace zebra {

namespace {

using Type = RopeConfig::Type;

const char* name_of(Type type) {
  switch (type) {
    case Type::linear:
      return "linear";
    case Type::dynamic:
      return "dynamic";
    case Type::llama3:
      return "llama3";
    case Type::yarn:
      return "yarn";
    default:
      return "default";
  }
}

// Where the reference initialisation puts a YaRN table in the place of the teacher's scaling, as AMD's scripts do.
bool scaling_replaced(const AttentionConfig& parent, const MlaConfig& mla) {
  const RopeConfig& rope = parent.rope;
  return rope.type != Type::standard && rope.factor != 1 && mla.rope.type == Type::yarn &&
         mla.rope.yarn == RopeConfig::Yarn::deepseek;
}

}  // namespace

std::vector<std::string> teacher_notes(const ModelConfig& teacher, const ModelConfig& student) {
  std::vector<int64_t> unwindowed, unrotated, replaced;
  const AttentionConfig* parent = nullptr;
  for (int64_t layer = 0; layer < teacher.layers(); ++layer) {
    const auto index = static_cast<size_t>(layer);
    const auto* attention = teacher.mixers[index].as<AttentionConfig>();
    if (!attention || student.mixers[index].is<AttentionConfig>()) continue;
    if (const auto* mla = student.mixers[index].as<MlaConfig>()) {
      if (scaling_replaced(*attention, *mla)) replaced.push_back(layer), parent = attention;
      continue;
    }
    if (attention->sliding_window > 0) unwindowed.push_back(layer);
    if (attention->rope.type == Type::dynamic) unrotated.push_back(layer);
  }
  std::vector<std::string> notes;
  if (!unwindowed.empty()) {
    notes.push_back(cat("layers ", list_text(unwindowed),
                        " become Mamba2, whose state takes in every token: the teacher's sliding window is not kept "
                        "there"));
  }
  if (!unrotated.empty()) {
    notes.push_back(cat("layers ", list_text(unrotated),
                        " become Mamba2, which has no positions: the teacher's dynamic ", "scaling past ",
                        teacher.max_position, " tokens has no counterpart there"));
  }
  if (!replaced.empty()) {
    notes.push_back(cat("layers ", list_text(replaced), " rotate by YaRN of the same factor in place of the teacher's ",
                        name_of(parent->rope.type), " scaling, as AMD's scripts have it; --init refined keeps that"));
  }
  if (!teacher.unknown_keys.empty()) {
    notes.push_back(cat(join(teacher.unknown_keys, ", "), " in its config.json: not known for model_type ",
                        teacher.model_type, ", and not computed"));
  }
  return notes;
}

}  // namespace zebra
