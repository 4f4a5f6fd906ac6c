#include "io/pickle.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "base/error.h"

namespace zebra {

namespace {

// A tensor takes some 40 opcodes, each of which keeps at most a few dozen bytes.
constexpr size_t kMostOpcodes = size_t{1} << 19;
constexpr size_t kDeepest = 64;  // open marks; tuples within tuples
constexpr size_t kMostDimensions = 64;

enum class Kind : uint8_t {
  mark,
  none,
  boolean,
  integer,
  real,
  text,
  bytes,
  tuple,
  list,
  dict,
  global,
  storage,
  tensor
};

const char* kind_text(Kind kind) {
  static constexpr std::array kNames = {"a mark", "None",      "a truth value", "an integer", "a number",
                                        "a text", "bytes",     "a tuple",       "a list",     "a dictionary",
                                        "a name", "a storage", "a tensor"};
  return kNames[static_cast<size_t>(kind)];
}

enum class Global : uint8_t {
  ordered_dict,
  tensor_v2,
  tensor_v3,
  parameter,
  parameter_with_state,
  size,
  storage,
  dtype
};

struct Value {
  Kind kind = Kind::none;
  uint32_t index = 0;  // into the list of its kind; of a text, its length
  int64_t number = 0;  // an integer's or truth value's; of a text, where it begins
};

class Walk {
 public:
  Walk(std::string_view pickle, const std::string& where) : in_(pickle), where_(where) {}

  std::vector<PickledTensor> tensors() {
    if (byte() != 0x80) damaged("another first byte than a protocol's; is this a state dict?");
    const unsigned protocol = byte();
    if (protocol < 2 || protocol > 5) damaged(cat("protocol ", protocol, " where 2 to 5 are known"));
    for (size_t done = 0; step(); ++done) {
      if (done == kMostOpcodes) damaged(cat("more than ", kMostOpcodes, " opcodes"));
    }
    if (at_ != in_.size()) damaged(cat(in_.size() - at_, " bytes behind its end"));
    if (stack_.size() != 1) damaged(cat(stack_.size(), " values where one should be left"));
    return collect(stack_[0]);
  }

 private:
  struct Tuple {
    uint32_t begin, count;
    uint8_t depth;
  };
  struct Dict {
    uint32_t first, last;  // members, kNoMember if there is none
  };
  struct Member {
    Value key, value;
    uint32_t next;
  };
  struct Named {
    Global global;
    std::string_view name;
  };
  struct Storage {
    Value key;
    uint32_t type;  // a global
    int64_t size;
  };
  struct Tensor {
    uint32_t storage, shape, strides;  // tuples
    int64_t offset;
    std::string_view dtype;  // of an untyped storage
    bool metadata;
  };
  static constexpr uint32_t kNoMember = UINT32_MAX;

  [[noreturn]] void damaged(const std::string& found) const {
    fail_input(where_, ": expected the pickle of a state dict, found ", found, " (at byte ", at_, ")");
  }

  // ---- Bytes
  std::string_view take(uint64_t count) {
    if (count > in_.size() - at_) damaged(cat("a length of ", count, " where ", in_.size() - at_, " bytes are left"));
    const std::string_view out = in_.substr(at_, count);
    at_ += count;
    return out;
  }
  unsigned byte() { return static_cast<unsigned char>(take(1)[0]); }
  uint64_t number(size_t bytes) {
    const std::string_view from = take(bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
    return value;
  }
  int64_t signed_number(size_t bytes) {
    if (bytes == 0) return 0;
    const unsigned unused = 64 - 8 * static_cast<unsigned>(bytes);
    return static_cast<int64_t>(number(bytes) << unused) >> unused;
  }
  std::string_view line() {
    const size_t end = in_.find('\n', at_);
    if (end == std::string_view::npos) damaged("a name without an end");
    const std::string_view out = in_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }

  // ---- Values
  void push(Kind kind, uint32_t index = 0, int64_t value = 0) { stack_.push_back({kind, index, value}); }
  void push_text(std::string_view text, Kind kind = Kind::text) {
    if (text.size() > UINT32_MAX) damaged("a text that is too long");
    push(kind, static_cast<uint32_t>(text.size()), text.data() - in_.data());
  }
  Value pop() {
    if (stack_.empty() || stack_.back().kind == Kind::mark) damaged("an opcode without its values");
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Value& top(Kind kind) {
    if (stack_.empty() || stack_.back().kind != kind) damaged(cat("an opcode without ", kind_text(kind)));
    return stack_.back();
  }
  size_t above_mark() {
    if (marks_.empty()) damaged("an opcode without its mark");
    const size_t begin = marks_.back() + 1;
    if (begin > stack_.size()) damaged("an opcode without its mark");
    marks_.pop_back();
    return begin;
  }
  std::string_view text(const Value& value) const { return in_.substr(static_cast<size_t>(value.number), value.index); }
  const Value& item(const Value& tuple, uint32_t i) const { return items_[tuples_[tuple.index].begin + i]; }
  uint32_t count(const Value& tuple) const { return tuples_[tuple.index].count; }

  // The values from `begin` on become one tuple; a mark below them goes too.
  void make_tuple(size_t begin, bool marked) {
    Tuple tuple{static_cast<uint32_t>(items_.size()), static_cast<uint32_t>(stack_.size() - begin), 1};
    for (size_t i = begin; i < stack_.size(); ++i) {
      if (stack_[i].kind == Kind::mark) damaged("a mark within a tuple");
      if (stack_[i].kind == Kind::tuple) {
        tuple.depth = std::max<uint8_t>(tuple.depth, static_cast<uint8_t>(tuples_[stack_[i].index].depth + 1));
      }
      items_.push_back(stack_[i]);
    }
    if (tuple.depth > kDeepest) damaged(cat("tuples nested more than ", kDeepest, " deep"));
    stack_.resize(begin - (marked ? 1 : 0));
    tuples_.push_back(tuple);
    push(Kind::tuple, static_cast<uint32_t>(tuples_.size() - 1));
  }
  void make_short_tuple(size_t size) {
    if (stack_.size() < size) damaged("an opcode without its values");
    make_tuple(stack_.size() - size, false);
  }
  void make_dict() {
    dicts_.push_back({kNoMember, kNoMember});
    push(Kind::dict, static_cast<uint32_t>(dicts_.size() - 1));
  }
  void set(const Value& dict, const Value& key, const Value& value) {
    const auto at = static_cast<uint32_t>(members_.size());
    members_.push_back({key, value, kNoMember});
    Dict& into = dicts_[dict.index];
    (into.first == kNoMember ? into.first : members_[into.last].next) = at;
    into.last = at;
  }
  void set_items() {
    const size_t begin = above_mark();
    if ((stack_.size() - begin) % 2 != 0) damaged("a key without its value");
    if (begin < 2 || stack_[begin - 2].kind != Kind::dict) damaged("members without a dictionary");
    const Value dict = stack_[begin - 2];
    for (size_t i = begin; i < stack_.size(); i += 2) {
      if (stack_[i].kind == Kind::mark || stack_[i + 1].kind == Kind::mark) damaged("a mark among members");
      set(dict, stack_[i], stack_[i + 1]);
    }
    stack_.resize(begin - 1);
  }
  void remember(uint64_t as) {
    if (stack_.empty() || stack_.back().kind == Kind::mark) damaged("nothing to remember");
    memo_[as] = stack_.back();
  }
  void recall(uint64_t what) {
    const auto found = memo_.find(what);
    if (found == memo_.end()) damaged(cat("number ", what, " of what was never remembered"));
    stack_.push_back(found->second);
  }

  // ---- Globals
  void push_global(std::string_view module, std::string_view name) {
    const auto add = [&](Global global) {
      globals_.push_back({global, name});
      push(Kind::global, static_cast<uint32_t>(globals_.size() - 1));
    };
    const auto begins = [&](std::initializer_list<std::string_view> words) {
      for (const auto word : words) {
        if (name.starts_with(word)) return true;
      }
      return false;
    };
    if (module == "collections" && name == "OrderedDict") return add(Global::ordered_dict);
    if (module == "torch._utils") {
      if (name == "_rebuild_tensor_v2") return add(Global::tensor_v2);
      if (name == "_rebuild_tensor_v3") return add(Global::tensor_v3);
      if (name == "_rebuild_parameter") return add(Global::parameter);
      if (name == "_rebuild_parameter_with_state") return add(Global::parameter_with_state);
    }
    if (module == "torch" || module == "torch.storage") {
      if (name.ends_with("Storage")) return add(Global::storage);
      if (name == "Size") return add(Global::size);
      if (begins({"float", "bfloat", "double", "half", "int", "uint", "long", "short", "bool", "complex", "bits",
                  "qint", "quint"})) {
        return add(Global::dtype);
      }
    }
    fail_input(where_, ": expected a state dict of tensors, found a value made by \"", shown(module), ".", shown(name),
               "\", which zebra does not run; save model.state_dict() alone with torch.save, or as safetensors");
  }
  static std::string shown(std::string_view text) {
    std::string out(text.substr(0, 80));
    for (char& c : out) {
      if (c < ' ' || c > '~') c = '?';
    }
    return out;
  }

  void call() {
    const Value arguments = pop(), function = pop();
    if (function.kind != Kind::global || arguments.kind != Kind::tuple) damaged("a call that a state dict has not");
    const Named named = globals_[function.index];
    const uint32_t given = count(arguments);
    switch (named.global) {
      case Global::ordered_dict:
        if (given != 0) damaged("an OrderedDict with values in its call");
        return make_dict();
      case Global::size:
        if (given != 1 || item(arguments, 0).kind != Kind::tuple) damaged("a torch.Size that is not of a tuple");
        return stack_.push_back(item(arguments, 0));
      case Global::parameter:
      case Global::parameter_with_state:
        if (given < 3 || item(arguments, 0).kind != Kind::tensor) damaged("a Parameter without a tensor");
        return stack_.push_back(item(arguments, 0));
      case Global::tensor_v2:
        return make_tensor(arguments, 6, false);
      case Global::tensor_v3:
        return make_tensor(arguments, 7, true);
      default:
        damaged(cat("a call of torch.", shown(named.name)));
    }
  }

  // (storage, offset, shape, strides, requires_grad, hooks[, dtype][, metadata])
  void make_tensor(const Value& arguments, uint32_t least, bool untyped) {
    const uint32_t given = count(arguments);
    const auto is = [&](uint32_t i, Kind kind) { return item(arguments, i).kind == kind; };
    if (given < least || given > least + 1 || !is(0, Kind::storage) || !is(1, Kind::integer) || !is(2, Kind::tuple) ||
        !is(3, Kind::tuple) || (untyped && !is(6, Kind::global))) {
      damaged("a tensor whose parts are not storage, offset, shape and strides");
    }
    Tensor tensor{item(arguments, 0).index,
                  item(arguments, 2).index,
                  item(arguments, 3).index,
                  item(arguments, 1).number,
                  {},
                  false};
    if (untyped) {
      const Named type = globals_[item(arguments, 6).index];
      if (type.global != Global::dtype) damaged("a tensor without a dtype");
      tensor.dtype = type.name;
    }
    if (given > least && !is(least, Kind::none)) {
      if (!is(least, Kind::dict)) damaged("a tensor whose metadata are no dictionary");
      tensor.metadata = dicts_[item(arguments, least).index].first != kNoMember;
    }
    tensors_.push_back(tensor);
    push(Kind::tensor, static_cast<uint32_t>(tensors_.size() - 1));
  }

  // ("storage", type, key, location, size)
  void load_storage() {
    const Value id = pop();
    if (id.kind != Kind::tuple || count(id) != 5 || item(id, 0).kind != Kind::text || text(item(id, 0)) != "storage" ||
        item(id, 1).kind != Kind::global || globals_[item(id, 1).index].global != Global::storage ||
        item(id, 2).kind != Kind::text || item(id, 4).kind != Kind::integer) {
      damaged("a storage that is not told as torch.save tells it");
    }
    storages_.push_back({item(id, 2), item(id, 1).index, item(id, 4).number});
    push(Kind::storage, static_cast<uint32_t>(storages_.size() - 1));
  }

  // One opcode; false at the end.
  bool step() {
    const unsigned code = byte();
    switch (code) {
      case '.':
        return false;
      case '(':
        if (marks_.size() == kDeepest) damaged(cat("marks nested more than ", kDeepest, " deep"));
        marks_.push_back(stack_.size());
        push(Kind::mark);
        break;
      case '0':
        pop();
        break;
      case 'N':
        push(Kind::none);
        break;
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        push(Kind::boolean, 0, code == 0x88);
        break;
      case 'J':
        push(Kind::integer, 0, signed_number(4));
        break;
      case 'K':
        push(Kind::integer, 0, static_cast<int64_t>(number(1)));
        break;
      case 'M':
        push(Kind::integer, 0, static_cast<int64_t>(number(2)));
        break;
      case 0x8a: {  // LONG1
        const unsigned bytes = byte();
        if (bytes > 8) damaged(cat("an integer of ", bytes, " bytes"));
        push(Kind::integer, 0, signed_number(bytes));
        break;
      }
      case 'G':
        take(8);
        push(Kind::real);
        break;
      case 'X':
        push_text(take(number(4)));
        break;
      case 0x8c:  // SHORT_BINUNICODE
        push_text(take(byte()));
        break;
      case 0x8d:  // BINUNICODE8
        push_text(take(number(8)));
        break;
      case 'C':
        push_text(take(byte()), Kind::bytes);
        break;
      case 'B':
        push_text(take(number(4)), Kind::bytes);
        break;
      case ')':
        make_short_tuple(0);
        break;
      case 0x85:  // TUPLE1 to TUPLE3
      case 0x86:
      case 0x87:
        make_short_tuple(code - 0x84);
        break;
      case 't':
        make_tuple(above_mark(), true);
        break;
      case ']':  // What lists hold is asked for nowhere.
        push(Kind::list);
        break;
      case 'a':
        pop();
        top(Kind::list);
        break;
      case 'e':
        stack_.resize(above_mark() - 1);
        top(Kind::list);
        break;
      case '}':
        make_dict();
        break;
      case 's': {
        const Value value = pop(), key = pop();
        set(top(Kind::dict), key, value);
        break;
      }
      case 'u':
        set_items();
        break;
      case 'c': {
        const std::string_view module = line();
        push_global(module, line());
        break;
      }
      case 0x93: {  // STACK_GLOBAL
        const Value name = pop(), module = pop();
        if (name.kind != Kind::text || module.kind != Kind::text) damaged("a global without a name");
        push_global(text(module), text(name));
        break;
      }
      case 'R':
        call();
        break;
      case 'b':  // attributes of the dictionary: torch's _metadata of versions
        pop();
        top(Kind::dict);
        break;
      case 'Q':
        load_storage();
        break;
      case 'q':
        remember(byte());
        break;
      case 'r':
        remember(number(4));
        break;
      case 0x94:  // MEMOIZE
        remember(memo_.size());
        break;
      case 'h':
        recall(byte());
        break;
      case 'j':
        recall(number(4));
        break;
      case 0x95: {  // FRAME
        const uint64_t bytes = number(8);
        if (bytes > in_.size() - at_) damaged("a frame that is longer than the record");
        break;
      }
      default:
        damaged(cat("opcode ", code, ", which a state dict does not need"));
    }
    return true;
  }

  // ---- What it all says
  std::vector<int64_t> integers(uint32_t tuple, const std::string& where) const {
    const auto [begin, size, depth] = tuples_[tuple];
    if (size > kMostDimensions) fail_input(where, ": expected at most ", kMostDimensions, " dimensions, found ", size);
    std::vector<int64_t> out;
    for (uint32_t i = begin; i < begin + size; ++i) {
      if (items_[i].kind != Kind::integer) {
        fail_input(where, ": expected integers as shape and strides, found ", kind_text(items_[i].kind));
      }
      out.push_back(items_[i].number);
    }
    return out;
  }

  std::vector<PickledTensor> collect(const Value& result) const {
    if (result.kind != Kind::dict) {
      fail_input(where_, ": expected a dictionary of tensors, found ", kind_text(result.kind));
    }
    std::vector<PickledTensor> out;
    for (uint32_t at = dicts_[result.index].first; at != kNoMember; at = members_[at].next) {
      const auto& [key, value, next] = members_[at];
      if (key.kind != Kind::text) {
        fail_input(where_, ": expected texts as keys of the dictionary, found ", kind_text(key.kind));
      }
      const std::string where = cat(where_, ": tensor \"", shown(text(key)), "\"");
      if (value.kind == Kind::dict) {
        fail_input(where,
                   ": expected a tensor, found a dictionary; of a training checkpoint, save the state dict alone");
      }
      if (value.kind != Kind::tensor) fail_input(where, ": expected a tensor, found ", kind_text(value.kind));
      const Tensor& tensor = tensors_[value.index];
      if (tensor.metadata) fail_input(where, ": expected plain numbers, found a view that is negated or conjugated");
      const Storage& storage = storages_[tensor.storage];
      const std::string_view type = globals_[storage.type].name;
      const bool untyped = type == "UntypedStorage";
      if (untyped != !tensor.dtype.empty()) fail_input(where, ": expected one dtype, found none or two");
      out.push_back({std::string(text(key)), std::string(text(storage.key)), std::string(untyped ? tensor.dtype : type),
                     storage.size, untyped, tensor.offset, integers(tensor.shape, where),
                     integers(tensor.strides, where)});
    }
    return out;
  }

  std::string_view in_;
  const std::string& where_;
  size_t at_ = 0;
  std::vector<Value> stack_, items_;
  std::vector<size_t> marks_;  // places on the stack
  std::vector<Tuple> tuples_;
  std::vector<Dict> dicts_;
  std::vector<Member> members_;
  std::vector<Named> globals_;
  std::vector<Storage> storages_;
  std::vector<Tensor> tensors_;
  std::unordered_map<uint64_t, Value> memo_;
};

}  // namespace

std::vector<PickledTensor> read_state_dict(std::string_view pickle, const std::string& where) {
  return Walk(pickle, where).tensors();
}

}  // namespace zebra
