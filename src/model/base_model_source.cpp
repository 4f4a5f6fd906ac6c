// Folders that a model without its head was saved in (LlamaModel rather than LlamaForCausalLM): the same tensors,
// whose names lack "model.".
#include "model/base_model_source.h"

#include <map>

namespace zebra {

namespace {

constexpr const char* kPrefix = "model.";

class BaseModelSource : public WeightSource {
 public:
  explicit BaseModelSource(std::unique_ptr<WeightSource> stored) : stored_(std::move(stored)) {
    where_ = stored_->where();
    for (const auto& name : stored_->names()) stored_names_[full(name)] = name;
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, stored] : stored_names_) out.push_back(name);
    return out;
  }
  bool has(const std::string& name) const override { return stored_names_.count(name) > 0; }
  std::vector<int64_t> shape(const std::string& name) const override { return stored_->shape(as_stored(name)); }
  at::ScalarType dtype(const std::string& name) const override { return stored_->dtype(as_stored(name)); }
  at::Tensor get(const std::string& name) const override { return stored_->get(as_stored(name)); }

 private:
  static std::string full(const std::string& name) { return name.rfind("lm_head.", 0) == 0 ? name : kPrefix + name; }
  std::string as_stored(const std::string& name) const {
    const auto found = stored_names_.find(name);
    return found == stored_names_.end() ? name : found->second;
  }

  std::unique_ptr<WeightSource> stored_;
  std::map<std::string, std::string> stored_names_;
};

}  // namespace

std::unique_ptr<WeightSource> with_full_names(std::unique_ptr<WeightSource> source) {
  const std::string embedding = "embed_tokens.weight";
  if (!source->has(embedding) || source->has(kPrefix + embedding)) return source;
  return std::make_unique<BaseModelSource>(std::move(source));
}

}  // namespace zebra
