#include <algorithm>
#include <map>

#include "base/error.h"
#include "data/jinja/builtins.h"
#include "data/jinja/jinja.h"
#include "data/jinja/methods.h"
#include "data/jinja/syntax.h"

namespace zebra::jinja {

namespace {

// Names and values of a block; what a block sets is seen inside it only.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::map<std::string, Value> names;

  const Value* find(const std::string& name) const {
    for (const Scope* at = this; at != nullptr; at = at->parent.get()) {
      const auto found = at->names.find(name);
      if (found != at->names.end()) return &found->second;
    }
    return nullptr;
  }
};
using ScopePointer = std::shared_ptr<Scope>;

enum class Flow { on, stop, next };

class Renderer {
 public:
  Renderer(const Syntax& syntax, const Limits& limits)
      : syntax_(syntax), limits_(limits), budget_(limits.steps, limits.bytes) {}

  std::string run(const Json& variables) {
    const auto scope = std::make_shared<Scope>();
    std::string out;
    try {
      for (const auto& [name, value] : variables.items()) scope->names[name] = Value::of(value);
      body(syntax_.body, scope, out);
    } catch (const Fault& fault) {
      fail_input(syntax_.where, ", line ", line_, ": ", fault.what.substr(0, 400));
    }
    return out;
  }

 private:
  struct Level {
    explicit Level(Renderer& renderer) : renderer(renderer) {
      if (++renderer.level_ > renderer.limits_.depth) {
        throw Fault{"calls or loops nested more than " + std::to_string(renderer.limits_.depth) + " deep"};
      }
    }
    ~Level() { --renderer.level_; }
    Renderer& renderer;
  };

  ScopePointer inner(const ScopePointer& parent) const {
    auto scope = std::make_shared<Scope>();
    scope->parent = parent;
    return scope;
  }

  void put(std::string& out, const std::string& text) {
    budget_.make(static_cast<int64_t>(text.size()));
    if (static_cast<int64_t>(out.size() + text.size()) > limits_.output) {
      throw Fault{"an output of more than " + std::to_string(limits_.output) + " bytes"};
    }
    out += text;
  }

  void print(const Value& value, std::string& out) { put(out, to_text(value, budget_)); }

  Flow body(const Body& statements, const ScopePointer& scope, std::string& out) {
    for (const auto& each : statements) {
      const Flow flow = statement(*each, scope, out);
      if (flow != Flow::on) return flow;
    }
    return Flow::on;
  }

  Flow statement(const Statement& made, const ScopePointer& scope, std::string& out) {
    const Budget::Depth depth(budget_);
    budget_.step();
    line_ = made.line;
    switch (made.kind) {
      case Kind::text:
        put(out, made.text);
        return Flow::on;
      case Kind::print:
        print(evaluate(*made.value, scope), out);
        return Flow::on;
      case Kind::choose:
        for (const auto& [condition, statements] : made.branches) {
          if (condition == nullptr || evaluate(*condition, scope).truth()) return body(statements, scope, out);
        }
        return Flow::on;
      case Kind::loop:
        return loop(made, evaluate(*made.value, scope), scope, out, 0);
      case Kind::set:
        assign(*made.target, evaluate(*made.value, scope), scope);
        return Flow::on;
      case Kind::set_block:
      case Kind::filter:
        return captured(made, scope, out);
      case Kind::macro:
        scope->names[made.text] = macro(made, scope);
        return Flow::on;
      case Kind::call:
        call_block(made, scope, out);
        return Flow::on;
      case Kind::stop:
        return Flow::stop;
      case Kind::next:
        return Flow::next;
    }
    return Flow::on;
  }

  // The body of a set or filter block goes through its filters under an empty name.
  Flow captured(const Statement& made, const ScopePointer& scope, std::string& out) {
    std::string text;
    const Flow flow = body(made.body, inner(scope), text);
    Value value = Value::text(std::move(text));
    if (made.value != nullptr) {
      const ScopePointer with = inner(scope);
      with->names[""] = std::move(value);
      value = evaluate(*made.value, with);
    }
    if (made.kind == Kind::filter)
      print(value, out);
    else
      assign(*made.target, value, scope);
    return flow;
  }

  void call_block(const Statement& made, const ScopePointer& scope, std::string& out) {
    List places;
    Named names;
    arguments(made.value->arguments, scope, places, names);
    names.emplace_back("caller", macro(made, scope));
    print(call(evaluate(*made.value->parts[0], scope), places, names), out);
  }

  void assign(const Expression& target, const Value& value, const ScopePointer& scope) {
    if (target.op == Op::name) {
      scope->names[target.text] = value;
    } else if (target.op == Op::attribute) {
      const Value* space = scope->find(target.parts[0]->text);
      if (space == nullptr || !space->as_space()) {
        throw Fault{"\"" + target.parts[0]->text + "\" is no namespace: its attributes cannot be set"};
      }
      if (target.text.starts_with('_')) throw Fault{"a namespace cannot hold \"" + target.text + "\""};
      if (value.nesting().changing) throw Fault{"a namespace cannot hold another, or loop.changed"};
      if (value.nesting().depth >= Value::kDeepest) {
        throw Fault{"lists and dicts nested more than " + std::to_string(Value::kDeepest) + " deep"};
      }
      Dict& items = space->dict();
      budget_.make(static_cast<int64_t>(items.size() / 4 + 1));
      const auto found =
          std::find_if(items.begin(), items.end(), [&](const auto& e) { return e.first == target.text; });
      if (found != items.end())
        found->second = value;
      else
        items.emplace_back(target.text, value);
    } else {
      const List parts = elements(value, budget_);
      if (parts.size() != target.parts.size()) {
        throw Fault{std::to_string(target.parts.size()) + " names for " + std::to_string(parts.size()) + " values"};
      }
      for (size_t i = 0; i < parts.size(); ++i) assign(*target.parts[i], parts[i], scope);
    }
  }

  // The attributes of "loop" at an item.
  Dict loop_facts(const List& items, size_t at, int64_t depth, const std::shared_ptr<Value>& before) {
    const auto i = static_cast<int64_t>(at), count = static_cast<int64_t>(items.size());
    return {{"index", Value(i + 1)},
            {"index0", Value(i)},
            {"revindex", Value(count - i)},
            {"revindex0", Value(count - i - 1)},
            {"first", Value(i == 0)},
            {"last", Value(i + 1 == count)},
            {"length", Value(count)},
            {"depth", Value(depth + 1)},
            {"depth0", Value(depth)},
            {"previtem", i > 0 ? items[at - 1] : Value::undefined("there is no previous item")},
            {"nextitem", i + 1 < count ? items[at + 1] : Value::undefined("there is no next item")},
            {"cycle", Value::function([at](const List& places, const Named&) {
               if (places.empty()) throw Fault{"cycle expects values"};
               return places[at % places.size()];
             })},
            {"changed", Value::function(
                            [this, before](const List& places, const Named&) {
                              const Value now = Value::list(places);
                              if (now.nesting().changing) throw Fault{"loop.changed cannot remember a namespace"};
                              const bool changed = before->is_undefined() || !equal(now, *before, budget_);
                              *before = now;
                              return Value(changed);
                            },
                            Nesting{0, true})}};
  }

  // loop(..) within a recursive loop. Weak: the scope may hold the function.
  Value again(const Statement& made, const ScopePointer& scope, int64_t depth) {
    return Value::function([this, &made, weak = std::weak_ptr<Scope>(scope), depth](const List& places, const Named&) {
      if (places.size() != 1) throw Fault{"loop() expects one value"};
      std::string text;
      loop(made, places[0], inner(weak.lock()), text, depth + 1);
      return Value::text(std::move(text));
    });
  }

  Flow loop(const Statement& made, const Value& over, const ScopePointer& scope, std::string& out, int64_t depth) {
    const Level level(*this);
    const Budget::Depth deeper(budget_);
    List items = elements(over, budget_);
    if (made.condition != nullptr) {
      List kept;
      for (const Value& each : items) {
        budget_.step();
        const ScopePointer test = inner(scope);
        assign(*made.target, each, test);
        if (evaluate(*made.condition, test).truth()) kept.push_back(each);
      }
      items = std::move(kept);
    }
    const auto count = static_cast<int64_t>(items.size());
    const auto before = std::make_shared<Value>();  // what loop.changed was last called with
    bool ended = false;  // a body that came to its end: jinja2 runs "else" unless there was one
    for (int64_t i = 0; i < count; ++i) {
      budget_.step();
      const ScopePointer each = inner(scope);
      const auto at = static_cast<size_t>(i);
      Dict facts = loop_facts(items, at, depth, before);
      if (made.recursive) facts.emplace_back("", again(made, scope, depth));
      each->names["loop"] = Value::dict(std::move(facts), true);
      assign(*made.target, items[at], each);
      const Flow flow = body(made.body, each, out);
      if (flow == Flow::stop) break;
      ended = ended || flow == Flow::on;
    }
    return ended ? Flow::on : body(made.otherwise, inner(scope), out);
  }

  Value macro(const Statement& made, const ScopePointer& scope) {
    // Weak: the scope holds the macro.
    return Value::function([this, &made, weak = std::weak_ptr<Scope>(scope)](const List& places, const Named& names) {
      const Level level(*this);
      const ScopePointer own = inner(weak.lock());
      if (places.size() > made.parameters.size()) {
        throw Fault{"a macro of " + std::to_string(made.parameters.size()) + " parameters got " +
                    std::to_string(places.size())};
      }
      std::vector<bool> given(made.parameters.size());
      for (size_t i = 0; i < places.size(); ++i) {
        own->names[made.parameters[i].first] = places[i];
        given[i] = true;
      }
      for (const auto& [name, value] : names) {
        const auto found = std::find_if(made.parameters.begin(), made.parameters.end(),
                                        [&](const auto& parameter) { return parameter.first == name; });
        if (found == made.parameters.end() && name != "caller")
          throw Fault{"a macro got an unexpected argument \"" + name + "\""};
        own->names[name] = value;
        if (found != made.parameters.end()) given[static_cast<size_t>(found - made.parameters.begin())] = true;
      }
      for (size_t i = 0; i < given.size(); ++i) {
        const auto& [name, otherwise] = made.parameters[i];
        if (!given[i]) own->names[name] = otherwise != nullptr ? evaluate(*otherwise, own) : Value::undefined(name);
      }
      std::string text;
      const int line = line_;
      body(made.body, own, text);
      line_ = line;
      return Value::text(std::move(text));
    });
  }

  void arguments(const Arguments& given, const ScopePointer& scope, List& places, Named& names) {
    for (const Node& each : given.places) places.push_back(evaluate(*each, scope));
    for (const auto& [name, each] : given.names) names.emplace_back(name, evaluate(*each, scope));
  }

  Value call(const Value& what, const List& places, const Named& names) {
    budget_.step();
    if (what.is<Function>()) {
      const auto held = what.as<Function>().call;  // a call may replace the name it was found under
      return (*held)(places, names);
    }
    if (what.as_space()) {  // loop(..) of a recursive loop
      if (const Value* again = what.find("")) return call(*again, places, names);
    }
    if (what.is_undefined()) throw Fault{"\"" + what.as<Undefined>().name + "\" is undefined and cannot be called"};
    throw Fault{"a " + what.type() + " cannot be called"};
  }

  // Its frame is what a deep template multiplies: all that needs room of its own stands in functions.
  Value evaluate(const Expression& e, const ScopePointer& scope) {
    const Budget::Depth depth(budget_);
    budget_.step();
    switch (e.op) {
      case Op::literal:
        return e.value;
      case Op::name:
        return named(e, scope);
      case Op::list:
      case Op::tuple:
        return list(e, scope);
      case Op::dict:
        return dict(e, scope);
      case Op::attribute:
      case Op::item:
      case Op::slice:
        return taken(e, scope);
      case Op::call:
        return called(e, scope);
      case Op::filter:
      case Op::test:
        return applied(e, scope);
      case Op::negate:
      case Op::plus:
      case Op::invert:
      case Op::both:
      case Op::either:
      case Op::choose:
        return logic(e, scope);
      case Op::concat:
        return concatenated(e, scope);
      case Op::binary:
        return binary(e, scope);
      case Op::compare:
        return comparison(e, scope);
    }
    return Value();
  }

  Value part(const Expression& e, size_t i, const ScopePointer& scope) {
    return e.parts[i] ? evaluate(*e.parts[i], scope) : Value(nullptr);
  }

  [[gnu::noinline]] Value named(const Expression& e, const ScopePointer& scope) {
    const Value* found = scope->find(e.text);
    return found != nullptr ? *found : global(e.text, limits_.now, budget_);
  }

  [[gnu::noinline]] Value list(const Expression& e, const ScopePointer& scope) {
    List items;
    for (size_t i = 0; i < e.parts.size(); ++i) items.push_back(part(e, i, scope));
    budget_.make(static_cast<int64_t>(items.size() * sizeof(Value)));
    return Value::list(std::move(items), e.op == Op::tuple);
  }

  [[gnu::noinline]] Value dict(const Expression& e, const ScopePointer& scope) {
    Dict items;
    for (size_t i = 0; i + 1 < e.parts.size(); i += 2) {
      const Value key = part(e, i, scope);
      if (!key.is_text()) throw Fault{"a dict's key must be a text here, found " + key.type()};
      budget_.make(static_cast<int64_t>(key.text().size() + sizeof(Dict::value_type)));
      items.emplace_back(key.text(), part(e, i + 1, scope));
    }
    return Value::dict(std::move(items));
  }

  [[gnu::noinline]] Value taken(const Expression& e, const ScopePointer& scope) {
    const Value of = part(e, 0, scope);
    if (e.op == Op::attribute) return attribute(of, e.text, budget_);
    const Value key = part(e, 1, scope);
    if (e.op == Op::item) return item(of, key, budget_);
    const Value end = part(e, 2, scope), step = part(e, 3, scope);
    return slice(of, key, end, step, budget_);
  }

  [[gnu::noinline]] Value called(const Expression& e, const ScopePointer& scope) {
    const Value what = part(e, 0, scope);
    List places;
    Named names;
    arguments(e.arguments, scope, places, names);
    return call(what, places, names);
  }

  [[gnu::noinline]] Value applied(const Expression& e, const ScopePointer& scope) {
    const Value input = part(e, 0, scope);
    List places;
    Named names;
    arguments(e.arguments, scope, places, names);
    if (e.op == Op::filter) return apply_filter(e.text, input, places, names, budget_);
    return Value(apply_test(e.text, input, places, budget_) != e.negated);
  }

  [[gnu::noinline]] Value logic(const Expression& e, const ScopePointer& scope) {
    if (e.op == Op::choose) {
      if (evaluate(*e.parts[1], scope).truth()) return part(e, 0, scope);
      return e.parts[2] ? part(e, 2, scope) : Value::undefined("an \"if\" without \"else\"");
    }
    Value left = part(e, 0, scope);
    if (e.op == Op::invert) return Value(!left.truth());
    if (e.op == Op::both) return left.truth() ? part(e, 1, scope) : left;
    if (e.op == Op::either) return left.truth() ? left : part(e, 1, scope);
    if (!left.is_number()) throw Fault{"a sign before a " + left.type()};
    return arithmetic(e.op == Op::negate ? "-" : "+", Value(int64_t{0}), left, budget_);
  }

  [[gnu::noinline]] Value concatenated(const Expression& e, const ScopePointer& scope) {
    std::string text;
    for (size_t i = 0; i < e.parts.size(); ++i) {
      const std::string each = to_text(part(e, i, scope), budget_);
      budget_.make(static_cast<int64_t>(each.size()));
      text += each;
    }
    return Value::text(std::move(text));
  }

  [[gnu::noinline]] Value binary(const Expression& e, const ScopePointer& scope) {
    const Value left = part(e, 0, scope);
    if (e.text == "%" && left.is_text()) throw Fault{"formatting with % is not part of the chat template subset"};
    return arithmetic(e.text, left, part(e, 1, scope), budget_);
  }

  [[gnu::noinline]] Value comparison(const Expression& e, const ScopePointer& scope) {
    Value left = evaluate(*e.parts[0], scope);
    for (size_t i = 0; i < e.ops.size(); ++i) {
      Value right = evaluate(*e.parts[i + 1], scope);
      if (!holds(e.ops[i], left, right)) return Value(false);
      left = std::move(right);
    }
    return Value(true);
  }

  bool holds(const std::string& op, const Value& left, const Value& right) {
    if (op == "==" || op == "!=") return equal(left, right, budget_) == (op == "==");
    if (op == "in" || op == "not in") return contains(right, left, budget_) == (op == "in");
    const int order = compare(left, right, budget_);
    if (op == "<" || op == "<=") return op == "<" ? order < 0 : order <= 0;
    return op == ">" ? order > 0 : order >= 0;
  }

  const Syntax& syntax_;
  const Limits& limits_;
  Budget budget_;
  int line_ = 1, level_ = 0;
};

}  // namespace

Template::Template(std::unique_ptr<Syntax> syntax) : syntax_(std::move(syntax)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

Template Template::parse(std::string_view source, const std::string& where) {
  constexpr size_t kLongest = size_t{1} << 20;
  if (source.size() > kLongest) {
    fail_input(where, ": expected a template of at most ", kLongest, " bytes, found ", source.size());
  }
  return Template(std::make_unique<Syntax>(parse_syntax(tokenize(source, where), where, Limits{}.depth)));
}

std::string Template::render(const Json& variables, const Limits& limits) const {
  return Renderer(*syntax_, limits).run(variables);
}

}  // namespace zebra::jinja
