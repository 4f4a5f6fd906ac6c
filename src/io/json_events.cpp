#include "io/json_events.h"

#include "base/error.h"

namespace zebra {

namespace {

// nlohmann's lexer takes a NUL for the end of its input.
void check_bytes(std::string_view text, const std::string& where, size_t longest_token) {
  bool quoted = false;
  size_t begin = 0;  // of the token
  for (size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '\0':
        fail_input(where, ": expected JSON, found a NUL at byte ", at + 1);
      case '\\':
        at += quoted && at + 1 < text.size() && text[at + 1] != '\0' ? 1 : 0;
        break;
      case '"':
        quoted = !quoted;
        begin = at;
        break;
      case ' ':
      case '\t':
      case '\r':
      case '\n':
      case ',':
      case ':':
      case '[':
      case ']':
      case '{':
      case '}':
        if (!quoted) begin = at;
        break;
      default:
        break;
    }
    if (at - begin > longest_token) {
      fail_input(where, ": expected strings and numbers of at most ", longest_token,
                 " bytes, found a longer one at byte ", begin + 1);
    }
  }
}

class Guard : public Json::json_sax_t {
 public:
  Guard(const std::string& where, JsonEvents& receiver, size_t max_depth)
      : where_(where), receiver_(receiver), max_depth_(max_depth) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return begin(true); }
  bool start_array(size_t) override { return begin(false); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(string_t& name) override {
    receiver_.key(name);
    return true;
  }
  bool parse_error(size_t position, const std::string& token, const nlohmann::detail::exception& error) override {
    fail_input(where_, ": expected JSON, found at byte ", position, " \"", token.substr(0, 40), "\" (",
               std::string(error.what()).substr(0, 200), ")");
  }

 private:
  bool put(Json value) {
    receiver_.scalar(value);
    return true;
  }
  bool begin(bool object) {
    if (++depth_ > max_depth_) {
      fail_input(where_, ": expected JSON nested at most ", max_depth_, " deep, found deeper");
    }
    receiver_.begin(object);
    return true;
  }
  bool end() {
    --depth_;
    receiver_.end();
    return true;
  }

  const std::string& where_;
  JsonEvents& receiver_;
  size_t max_depth_, depth_ = 0;
};

}  // namespace

void parse_events(std::string_view text, const std::string& where, JsonEvents& receiver, size_t max_depth,
                  size_t longest_token) {
  check_bytes(text, where, longest_token);
  Guard guard(where, receiver, max_depth);
  Json::sax_parse(text.begin(), text.end(), &guard);
}

}  // namespace zebra
