#include "io/json.h"

#include <set>
#include <vector>

#include "base/error.h"

namespace zebra {

namespace {

// Builds the document while checking what nlohmann's parser lets pass: duplicate keys and unbounded depth.
class GuardedBuilder : public nlohmann::detail::json_sax_dom_parser<Json> {
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;

 public:
  GuardedBuilder(Json& result, const std::string& where, size_t max_depth)
      : Base(result, false), where_(where), max_depth_(max_depth) {}

  bool start_object(size_t elements) {
    enter();
    keys_.emplace_back();
    return Base::start_object(elements);
  }
  bool end_object() {
    --depth_;
    keys_.pop_back();
    return Base::end_object();
  }
  bool start_array(size_t elements) {
    enter();
    return Base::start_array(elements);
  }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool key(std::string& name) {
    if (!keys_.back().insert(name).second) {
      fail_input(where_, ": expected every key once, found \"", name.substr(0, 120), "\" twice in one object");
    }
    return Base::key(name);
  }
  template <class Exception>
  bool parse_error(size_t position, const std::string& token, const Exception& error) {
    fail_input(where_, ": expected JSON, found at byte ", position, " \"", token.substr(0, 40), "\" (",
               std::string(error.what()).substr(0, 200), ")");
  }

 private:
  void enter() {
    if (++depth_ > max_depth_) fail_input(where_, ": expected JSON nested at most ", max_depth_, " deep, found deeper");
  }
  std::string where_;
  size_t max_depth_, depth_ = 0;
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
