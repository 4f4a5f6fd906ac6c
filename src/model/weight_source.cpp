// Tensors of a checkpoint folder by name.
#include "base/error.h"
#include "io/foreign_folder.h"
#include "model/base_model_source.h"
#include "model/checkpoint.h"
#include "model/weight_file.h"
#include "model/weight_index.h"

namespace zebra {

namespace {

struct FileKind {
  const char* name;
  std::unique_ptr<WeightFile> (*open)(const fs::path&);
};

// In the order in which a folder is searched.
constexpr FileKind kKinds[] = {{"model.safetensors", open_safetensors}, {"pytorch_model.bin", open_torch_file}};

class OneFile : public WeightSource {
 public:
  OneFile(const fs::path& folder, const FileKind& kind) : file_(kind.open(folder / kind.name)) {
    where_ = (folder / kind.name).string();
  }

  std::vector<std::string> names() const override { return file_->names(); }
  bool has(const std::string& name) const override { return file_->find(name).has_value(); }
  std::vector<int64_t> shape(const std::string& name) const override { return stored(name).shape; }
  at::ScalarType dtype(const std::string& name) const override { return stored(name).dtype; }
  at::Tensor get(const std::string& name) const override {
    stored(name);
    return file_->get(name);
  }

 private:
  WeightFile::Stored stored(const std::string& name) const {
    auto found = file_->find(name);
    if (!found) fail_input(where_, ": expected tensor \"", name, "\", found no such tensor");
    return *std::move(found);
  }

  std::unique_ptr<WeightFile> file_;
};

// The shards of an index. What it says of a tensor is checked when the folder is opened.
class Shards : public WeightSource {
 public:
  Shards(const fs::path& folder, const fs::path& index, const FileKind& kind) : index_(index) {
    where_ = index.string();
    for (size_t i = 0; i < index_.size(); ++i) {
      const std::string tensor(index_.tensor(i));
      auto& file = files_[std::string(index_.file(i))];
      if (!file) file = kind.open(folder / index_.file(i));
      if (!file->find(tensor)) {
        fail_input((folder / index_.file(i)).string(), ": expected tensor \"", tensor,
                   "\" as the index says, found no such tensor");
      }
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    out.reserve(index_.size());
    for (size_t i = 0; i < index_.size(); ++i) out.emplace_back(index_.tensor(i));
    return out;
  }
  bool has(const std::string& name) const override { return index_.file_of(name).has_value(); }
  std::vector<int64_t> shape(const std::string& name) const override { return file(name).find(name)->shape; }
  at::ScalarType dtype(const std::string& name) const override { return file(name).find(name)->dtype; }
  at::Tensor get(const std::string& name) const override { return file(name).get(name); }

 private:
  const WeightFile& file(const std::string& name) const {
    const auto found = index_.file_of(name);
    if (!found) fail_input(where_, ": expected tensor \"", name, "\", found no such tensor");
    return *files_.at(std::string(*found));
  }

  WeightIndex index_;
  std::map<std::string, std::unique_ptr<WeightFile>> files_;
};

std::unique_ptr<WeightSource> open_stored(const fs::path& folder) {
  for (const FileKind& kind : kKinds) {
    if (fs::exists(folder / kind.name)) return std::make_unique<OneFile>(folder, kind);
    const fs::path index = folder / (std::string(kind.name) + ".index.json");
    if (fs::exists(index)) return std::make_unique<Shards>(folder, index, kind);
  }
  fail_no_weights(folder);
}

}  // namespace

std::unique_ptr<WeightSource> WeightSource::open(const fs::path& folder) {
  return with_full_names(open_stored(folder));
}

}  // namespace zebra
