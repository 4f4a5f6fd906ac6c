#include "io/json.h"

#include <set>
#include <vector>

#include "base/error.h"

namespace zebra {

namespace {

// Builds the document itself: nlohmann's own builder lets duplicate keys and unbounded depth pass, and looks through
// the whole object for every key, which takes minutes on the vocabulary of a tokenizer.
class GuardedBuilder : public Json::json_sax_t {
 public:
  GuardedBuilder(Json& result, const std::string& where, size_t max_depth)
      : result_(result), where_(where), max_depth_(max_depth) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(size_t) override {
    keys_.emplace_back();
    return enter(Json::object());
  }
  bool start_array(size_t) override { return enter(Json::array()); }
  bool end_object() override {
    keys_.pop_back();
    open_.pop_back();
    return true;
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      fail_input(where_, ": expected every key once, found \"", name.substr(0, 120), "\" twice in one object");
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string& token, const nlohmann::detail::exception& error) override {
    fail_input(where_, ": expected JSON, found at byte ", position, " \"", token.substr(0, 40), "\" (",
               std::string(error.what()).substr(0, 200), ")");
  }

 private:
  bool enter(Json container) {
    if (open_.size() >= max_depth_) {
      fail_input(where_, ": expected JSON nested at most ", max_depth_, " deep, found deeper");
    }
    put(std::move(container));
    open_.push_back(last_);
    return true;
  }
  bool put(Json value) {
    if (open_.empty()) {
      result_ = std::move(value);
      last_ = &result_;
    } else if (open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<Json::array_t&>();
      last_ = &array.emplace_back(std::move(value));
    } else {
      // The key is new (see key()): append without ordered_map's search.
      Json::object_t::Container& members = open_.back()->get_ref<Json::object_t&>();
      last_ = &members.emplace_back(std::move(key_), std::move(value)).second;
    }
    return true;
  }

  Json& result_;
  std::string where_;
  size_t max_depth_;
  std::vector<Json*> open_;  // only the innermost grows, so the outer pointers stay valid
  Json* last_ = nullptr;
  std::string key_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& where, size_t max_depth) {
  Json result;
  GuardedBuilder builder(result, where, max_depth);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return result;
}

Json read_json(const fs::path& path) {
  return parse_json(read_file(path), path.string());
}

void write_json(const fs::path& path, const Json& value) {
  write_file(path, value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace zebra
