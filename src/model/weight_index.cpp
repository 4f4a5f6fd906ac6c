#include "model/weight_index.h"

#include <algorithm>

#include "base/error.h"
#include "io/json_builder.h"

namespace zebra {

namespace {

bool is_plain_name(std::string_view file) {
  return !file.empty() && file != "." && file != ".." &&
         file.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::string quoted(std::string_view text) {
  return Json(text.substr(0, 160)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace

class WeightMapReader : public JsonEvents {
 public:
  WeightMapReader(std::string where, WeightIndex& index) : where_(std::move(where)), index_(index) {}

  void begin(bool object) override {
    if (depth_++ > 0) fail_input(where_, ": key ", quoted(tensor_), ": expected a string, found another type");
    if (!object || seen_) fail_input(where_, ": expected an object of file names, found an array or a second one");
    seen_ = true;
  }
  void key(std::string& name) override { tensor_ = name; }
  void scalar(Json& value) override {
    if (depth_ == 0) fail_input(where_, ": expected an object of file names, found ", value.dump().substr(0, 80));
    if (!value.is_string()) {
      fail_input(where_, ": key ", quoted(tensor_), ": expected a string, found ", value.dump().substr(0, 80));
    }
    const auto& file = value.get_ref<const std::string&>();
    if (!is_plain_name(file)) {
      fail_input(where_, ": key ", quoted(tensor_), ": expected the name of a file in the same folder, found ",
                 quoted(file));
    }
    auto& entries = index_.entries_;
    const WeightIndex::Text tensor = add(tensor_);
    // Mostly the same file as before.
    const bool again = !entries.empty() && index_.text(entries.back().file) == file;
    entries.push_back({tensor, again ? entries.back().file : add(file)});
  }
  void end() override { --depth_; }

 private:
  WeightIndex::Text add(std::string_view text) {
    const auto begin = static_cast<uint32_t>(index_.text_.size());
    index_.text_ += text;
    return {begin, static_cast<uint32_t>(text.size())};
  }

  std::string where_, tensor_;
  WeightIndex& index_;
  size_t depth_ = 0;
  bool seen_ = false;
};

WeightIndex::WeightIndex(const fs::path& path) {
  const std::string where = path.string(), map_where = where + ": key \"weight_map\"";
  {
    const std::string text = read_file(path, kLongJson);
    // What is not used of these is not taken: {"a":"b", has 8 bytes.
    text_.reserve(text.size());
    entries_.reserve(text.size() / 8 + 1);
    WeightMapReader map(map_where, *this);
    JsonMembers members(where, [&](const std::string& key) { return key == "weight_map" ? &map : nullptr; });
    parse_events(text, where, members);
    if (!members.rest().contains("weight_map"))
      fail_input(map_where, ": expected an object of file names, found nothing");
  }
  if (entries_.empty()) fail_input(map_where, ": expected at least one tensor, found none");
  std::sort(entries_.begin(), entries_.end(),
            [this](const Entry& a, const Entry& b) { return text(a.tensor) < text(b.tensor); });
  for (size_t i = 1; i < entries_.size(); ++i) {
    if (tensor(i) != tensor(i - 1)) continue;
    fail_input(map_where, ": expected every key once, found ", quoted(tensor(i)), " twice in one object");
  }
}

std::optional<std::string_view> WeightIndex::file_of(std::string_view name) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [this](const Entry& entry, std::string_view n) { return text(entry.tensor) < n; });
  if (found == entries_.end() || text(found->tensor) != name) return std::nullopt;
  return text(found->file);
}

}  // namespace zebra
