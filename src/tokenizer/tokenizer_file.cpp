#include "tokenizer/tokenizer_file.h"

#include "base/error.h"
#include "io/json_builder.h"

namespace zebra {

namespace {

constexpr int64_t kIdLimit = int64_t{1} << 24;
constexpr size_t kMostAdded = size_t{1} << 18;
constexpr size_t kAddedBytes = size_t{1} << 18;  // memory for what one added token says

// {"token": id, ..}
class VocabReader : public JsonEvents {
 public:
  VocabReader(std::string where, Vocab& vocab) : where_(std::move(where)), vocab_(vocab) {}
  bool finished() const { return finished_; }

  void begin(bool object) override {
    if (inside_) fail_id("an object or array");
    if (!object || finished_)
      fail_input(where_, ": key \"vocab\": expected one object, found an array or a second one");
    inside_ = true;
  }
  void key(std::string& name) override { token_ = name; }
  void scalar(Json& value) override {
    if (!inside_) fail_input(where_, ": key \"vocab\": expected an object, found ", value.dump().substr(0, 80));
    if (!value.is_number_integer() || value < 0 || value >= kIdLimit) fail_id(value.dump().substr(0, 40));
    vocab_.add(token_, value.get<int32_t>());
  }
  void end() override {
    vocab_.finish(where_);
    inside_ = false, finished_ = true;
  }

 private:
  [[noreturn]] void fail_id(const std::string& found) const {
    fail_input(where_, ": token \"", token_.substr(0, 80), "\": expected an id from 0 to ", kIdLimit - 1, ", found ",
               found);
  }

  std::string where_, token_;
  Vocab& vocab_;
  bool inside_ = false, finished_ = false;
};

// ["left right", ..] or [["left", "right"], ..]. Merges before the vocabulary are passed over: they need it.
class MergesReader : public JsonEvents {
 public:
  MergesReader(std::string where, const Vocab& vocab, const VocabReader& order, Merges& merges)
      : where_(std::move(where)), vocab_(vocab), order_(order), merges_(merges) {}
  bool seen() const { return seen_; }
  bool passed_over() const { return passed_over_; }

  void begin(bool object) override {
    if (depth_ == 0) {
      if (object) fail_input(where_, ": key \"merges\": expected an array, found an object");
      seen_ = true, passed_over_ = !order_.finished();
    } else if (object || depth_ == 2) {
      fail_merge("something else");
    }
    ++depth_;
    pair_.clear();
  }
  void key(std::string&) override {}
  void scalar(Json& value) override {
    if (depth_ == 0) fail_input(where_, ": key \"merges\": expected an array, found ", value.dump().substr(0, 80));
    if (!value.is_string() || (depth_ == 2 && pair_.size() == 2)) fail_merge(value.dump().substr(0, 80));
    auto& text = value.get_ref<std::string&>();
    if (depth_ == 2) {
      pair_.push_back(std::move(text));
    } else {
      read_line(text);
    }
  }
  void end() override {
    if (--depth_ == 0) return;
    if (pair_.size() != 2) fail_merge(cat("an array of ", pair_.size()));
    add(pair_[0], pair_[1]);
  }

 private:
  void read_line(std::string_view line) {
    if (line.starts_with("#version")) return;
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
      fail_input(where_, ": merge ", rank_, ": expected two tokens and one space, found \"", line.substr(0, 80), "\"");
    }
    add(line.substr(0, space), line.substr(space + 1));
  }
  void add(std::string_view left, std::string_view right) {
    if (passed_over_) return;
    const auto known = [&](std::string_view token) {
      const int64_t found = vocab_.find(token);
      if (found < 0) {
        fail_input(where_, ": merge ", rank_, ": expected tokens of the vocabulary, found \"", token.substr(0, 80),
                   "\"");
      }
      return static_cast<int32_t>(found);
    };
    const int32_t left_id = known(left), right_id = known(right);
    joined_.assign(left).append(right);
    merges_.set({left_id, right_id, rank_, known(joined_)});
    ++rank_;
  }
  [[noreturn]] void fail_merge(const std::string& found) const {
    fail_input(where_, ": merge ", rank_, ": expected \"left right\" or [left, right], found ", found);
  }

  std::string where_, joined_;
  const Vocab& vocab_;
  const VocabReader& order_;
  Merges& merges_;
  std::vector<std::string> pair_;
  size_t depth_ = 0;
  int32_t rank_ = 0;
  bool seen_ = false, passed_over_ = false;
};

// [{"content": .., "id": ..}, ..]
class AddedReader : public JsonEvents {
 public:
  AddedReader(std::string where, std::vector<StatedToken>& tokens)
      : where_(std::move(where)), tokens_(tokens), entry_(where_, kAddedBytes) {}

  void begin(bool object) override {
    if (depth_ == 0 && object) fail_input(where_, ": expected an array, found an object");
    if (depth_++ > 0) entry_.begin(object);
  }
  void key(std::string& name) override { entry_.key(name); }
  void scalar(Json& value) override {
    if (depth_ == 0) {
      if (!value.is_null()) fail_input(where_, ": expected an array, found ", value.dump().substr(0, 80));
      return;
    }
    entry_.scalar(value);
    if (entry_.done()) take();
  }
  void end() override {
    if (--depth_ == 0) return;
    entry_.end();
    if (entry_.done()) take();
  }

 private:
  void take() {
    if (tokens_.size() == kMostAdded) fail_input(where_, ": expected at most ", kMostAdded, " tokens, found more");
    tokens_.push_back(read_added_token(entry_.take(), where_));
  }

  std::string where_;
  std::vector<StatedToken>& tokens_;
  JsonBuilder entry_;
  size_t depth_ = 0;
};

}  // namespace

TokenizerFile::TokenizerFile(const fs::path& path) {
  const std::string where = path.string(), model_where = where + ": model";
  const std::string text = read_file(path, kLongJson);
  vocab.reserve(text.size());
  merges.reserve(text.size());
  VocabReader vocab_reader(model_where, vocab);
  MergesReader merges_reader(model_where, vocab, vocab_reader, merges);
  AddedReader added_reader(where + ": added_tokens", added);
  JsonMembers model_reader(model_where, [&](const std::string& key) -> JsonEvents* {
    if (key == "vocab") return &vocab_reader;
    return key == "merges" ? &merges_reader : nullptr;
  });
  JsonMembers reader(where, [&](const std::string& key) -> JsonEvents* {
    if (key == "model") return &model_reader;
    return key == "added_tokens" ? &added_reader : nullptr;
  });
  parse_events(text, where, reader);
  parts = reader.rest();
  model = model_reader.rest();
  if (!model.is_object()) fail_input(model_where, ": expected an object, found none");
  if (!vocab_reader.finished()) fail_input(model_where, ": key \"vocab\": expected an object, found none");
  if (!merges_reader.seen()) fail_input(model_where, ": key \"merges\": expected an array, found none");
  if (!merges_reader.passed_over()) return;

  // Once more, for the merges that stood before the vocabulary.
  MergesReader late(model_where, vocab, vocab_reader, merges);
  JsonSkipper skipper;
  const auto only = [&](const char* wanted, JsonEvents& receiver) {
    return [&skipper, &receiver, wanted](const std::string& key) {
      return key == wanted ? &receiver : static_cast<JsonEvents*>(&skipper);
    };
  };
  JsonMembers late_model(model_where, only("merges", late));
  JsonMembers again(where, only("model", late_model));
  parse_events(text, where, again);
}

}  // namespace zebra
