#pragma once
// Layers of a hybrid teacher that are converted already: the student keeps them as they are, and new layers must fit
// beside them.
#include <string>
#include <vector>

#include "base/error.h"
#include "model/config.h"

namespace zebra {

// The attention of a layer, null where it has been converted.
const AttentionConfig* attention_in(const ModelConfig& model, int64_t layer);

// Error(usage): a flag names a layer that the teacher has converted already.
void check_unconverted(const ModelConfig& teacher, int64_t layer, const std::string& flag);

// The numbers of the layers that are converted already; none of a Transformer.
std::vector<int64_t> inherited_layers(const ModelConfig& teacher);
// Error(input) where there are any: `what` cannot start from a hybrid.
void check_transformer(const ModelConfig& teacher, const std::string& what);

// A folder says once for all its layers of a kind what does not differ from layer to layer (docs/formats.md).
// Error(usage) where a new layer of `student` would need something else than an inherited one.
void check_beside_inherited(const ModelConfig& teacher, const ModelConfig& student);

constexpr const char* kAsBefore = "set the flag as it was when that layer was made";

// What the new layer `layer` would be against what the teacher's layer `other` is.
class Comparison {
 public:
  Comparison(const char* kind, int64_t layer, int64_t other) : kind_(kind), layer_(layer), other_(other) {}

  void expect(bool same, const char* flag, const char* what, const std::string& inherited, const std::string& made,
              const char* advice) const {
    if (same) return;
    fail_usage(flag, ": ", what, ": expected ", inherited, " as in layer ", other_, ", which is ", kind_,
               " already (a folder holds one for all ", kind_, " layers), found ", made, " for layer ", layer_, "; ",
               advice);
  }
  void equal(const char* flag, const char* key, int64_t inherited, int64_t made, const char* advice) const {
    expect(inherited == made, flag, key, std::to_string(inherited), std::to_string(made), advice);
  }
  void equal(const char* flag, const char* key, bool inherited, bool made) const {
    const auto word = [](bool value) { return value ? "true" : "false"; };
    expect(inherited == made, flag, key, word(inherited), word(made), kAsBefore);
  }

 private:
  const char* kind_;
  int64_t layer_, other_;
};

}  // namespace zebra
