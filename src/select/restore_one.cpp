#include "select/restore_one.h"

#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "model/describe.h"

namespace zebra {

void swap_blocks(Model& a, Model& b, const std::vector<int64_t>& layers) {
  for (const int64_t layer : layers) {
    std::swap(a.blocks()[static_cast<size_t>(layer)], b.blocks()[static_cast<size_t>(layer)]);
  }
}

RestoreOne restore_one(Model& student, Model& donor, const std::function<double(const Model&)>& kl) {
  RestoreOne out;
  out.base = kl(student);
  for (int64_t layer = 0; layer < student.config().layers(); ++layer) {
    swap_blocks(student, donor, {layer});
    out.scores.push_back(out.base - kl(student));
    swap_blocks(student, donor, {layer});
  }
  return out;
}

ModelConfig combine(ModelConfig student, const ModelConfig& donor, const std::vector<int64_t>& layers) {
  for (const int64_t layer : layers) {
    const auto index = static_cast<size_t>(layer);
    student.mixers[index] = donor.mixers[index];
  }
  return student;
}

Model combine(Model student, Model donor, const std::vector<int64_t>& layers) {
  const ModelConfig config = combine(student.config(), donor.config(), layers);
  swap_blocks(student, donor, layers);
  const at::TensorOptions options = student.head().weight.options();
  Model out(config, options.device(at::kMeta));
  out.blocks() = std::move(student.blocks());
  std::map<std::string, at::Tensor> rest;  // embedding, final norm, head
  student.parameters([&](const std::string& name, at::Tensor& value) { rest[name] = value; });
  out.parameters([&](const std::string& name, at::Tensor& value) {
    const auto found = rest.find(name);
    if (found != rest.end()) value = found->second;
  });
  return out;
}

void check_pair(const ModelConfig& student, const ModelConfig& donor, const std::string& donor_folder) {
  const auto differ = [&](const char* what, int64_t expected, int64_t found) {
    if (expected != found) {
      fail_input(donor_folder, ": ", what, ": expected the other student's ", expected, ", found ", found,
                 "; both must come from one teacher");
    }
  };
  differ("layers", student.layers(), donor.layers());
  differ("hidden_size", student.hidden, donor.hidden);
  differ("intermediate_size", student.intermediate, donor.intermediate);
  differ("vocab_size", student.vocab, donor.vocab);
  for (int64_t layer = 0; layer < donor.layers(); ++layer) {
    const MixerConfig& mixer = donor.mixers[static_cast<size_t>(layer)];
    if (mixer->converted() && mixer->cached_values() > 0) continue;
    fail_input(donor_folder, ": layer ", layer, ": expected MLA, found ", mixer->kind(),
               "; convert it with --mla-layers all from a Transformer");
  }
}

}  // namespace zebra
