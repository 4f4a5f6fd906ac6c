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
    for (const auto& [name, value] : variables.items()) scope->names[name] = Value::of(value);
    std::string out;
    try {
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

  Flow body(const Body& statements, const ScopePointer& scope, std::string& out) {
    for (const auto& each : statements) {
      const Flow flow = statement(*each, scope, out);
      if (flow != Flow::on) return flow;
    }
    return Flow::on;
  }

  Flow statement(const Statement& made, const ScopePointer& scope, std::string& out) {
    budget_.step();
    line_ = made.line;
    switch (made.kind) {
      case Kind::text:
        put(out, made.text);
        return Flow::on;
      case Kind::print:
        put(out, to_text(evaluate(*made.value, scope)));
        return Flow::on;
      case Kind::choose:
        for (const auto& [condition, statements] : made.branches) {
          if (condition == nullptr || evaluate(*condition, scope).truth()) return body(statements, scope, out);
        }
        return Flow::on;
      case Kind::loop: {
        const Value over = evaluate(*made.value, scope);
        return loop(made, over, scope, out, 0);
      }
      case Kind::set:
        assign(*made.target, evaluate(*made.value, scope), scope);
        return Flow::on;
      case Kind::set_block: {
        std::string text;
        const Flow flow = body(made.body, inner(scope), text);
        assign(*made.target, filtered(made.value, std::move(text), scope), scope);
        return flow;
      }
      case Kind::filter: {
        std::string text;
        const Flow flow = body(made.body, inner(scope), text);
        put(out, to_text(filtered(made.value, std::move(text), scope)));
        return flow;
      }
      case Kind::macro:
        scope->names[made.text] = macro(made, scope);
        return Flow::on;
      case Kind::call: {
        List places;
        Named names;
        arguments(made.value->arguments, scope, places, names);
        names.emplace_back("caller", macro(made, scope));
        put(out, to_text(call(evaluate(*made.value->parts[0], scope), places, names, *made.value->parts[0])));
        return Flow::on;
      }
      case Kind::stop:
        return Flow::stop;
      case Kind::next:
        return Flow::next;
    }
    return Flow::on;
  }

  // The body of a set or filter block goes through its filters under an empty name.
  Value filtered(const Node& filters, std::string text, const ScopePointer& scope) {
    if (filters == nullptr) return Value::text(std::move(text));
    const ScopePointer with = inner(scope);
    with->names[""] = Value::text(std::move(text));
    return evaluate(*filters, with);
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
      Dict& items = space->dict();
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

  Flow loop(const Statement& made, const Value& over, const ScopePointer& scope, std::string& out, int64_t depth) {
    const Level level(*this);
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
    Value changed_before;
    bool ended = false;  // a body that came to its end: jinja2 runs "else" unless there was one
    for (int64_t i = 0; i < count; ++i) {
      budget_.step();
      const ScopePointer each = inner(scope);
      const auto at = static_cast<size_t>(i);
      Dict facts = {{"index", Value(i + 1)},        {"index0", Value(i)},
                    {"revindex", Value(count - i)}, {"revindex0", Value(count - i - 1)},
                    {"first", Value(i == 0)},       {"last", Value(i + 1 == count)},
                    {"length", Value(count)},       {"depth", Value(depth + 1)},
                    {"depth0", Value(depth)}};
      facts.emplace_back("previtem", i > 0 ? items[at - 1] : Value::undefined("there is no previous item"));
      facts.emplace_back("nextitem", i + 1 < count ? items[at + 1] : Value::undefined("there is no next item"));
      facts.emplace_back("cycle", Value::function([i](const List& places, const Named&) {
                           if (places.empty()) throw Fault{"cycle expects values"};
                           return places[static_cast<size_t>(i) % places.size()];
                         }));
      facts.emplace_back("changed", Value::function([&changed_before](const List& places, const Named&) {
                           const Value now = Value::list(places);
                           const bool changed = changed_before.is_undefined() || !equal(now, changed_before);
                           changed_before = now;
                           return Value(changed);
                         }));
      if (made.recursive) {
        facts.emplace_back("", Value::function([this, &made, scope = std::weak_ptr<Scope>(scope), depth](
                                                   const List& places, const Named&) {
                             if (places.size() != 1) throw Fault{"loop() expects one value"};
                             std::string text;
                             loop(made, places[0], scope.lock(), text, depth + 1);
                             return Value::text(std::move(text));
                           }));
      }
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

  Value call(const Value& what, const List& places, const Named& names, const Expression& source) {
    budget_.step();
    if (what.is<Function>()) {
      const auto held = what.as<Function>().call;  // a call may replace the name it was found under
      return (*held)(places, names);
    }
    if (what.as_space()) {  // loop(..) of a recursive loop
      if (const Value* again = what.find("")) return call(*again, places, names, source);
    }
    if (what.is_undefined()) throw Fault{"\"" + what.as<Undefined>().name + "\" is undefined and cannot be called"};
    throw Fault{"a " + what.type() + " cannot be called"};
  }

  Value evaluate(const Expression& e, const ScopePointer& scope) {
    budget_.step();
    const auto part = [&](size_t i) { return e.parts[i] ? evaluate(*e.parts[i], scope) : Value(nullptr); };
    switch (e.op) {
      case Op::literal:
        return e.value;
      case Op::name: {
        const Value* found = scope->find(e.text);
        return found != nullptr ? *found : global(e.text, limits_.now, budget_);
      }
      case Op::list:
      case Op::tuple: {
        List items;
        for (size_t i = 0; i < e.parts.size(); ++i) items.push_back(part(i));
        budget_.make(static_cast<int64_t>(items.size() * sizeof(Value)));
        return Value::list(std::move(items), e.op == Op::tuple);
      }
      case Op::dict: {
        Dict items;
        for (size_t i = 0; i + 1 < e.parts.size(); i += 2) {
          const Value key = part(i);
          if (!key.is_text()) throw Fault{"a dict's key must be a text here, found " + key.type()};
          items.emplace_back(key.text(), part(i + 1));
        }
        return Value::dict(std::move(items));
      }
      case Op::attribute:
        return attribute(part(0), e.text, budget_);
      case Op::item:
        return item(part(0), part(1), budget_);
      case Op::slice:
        return slice(part(0), part(1), part(2), part(3), budget_);
      case Op::call: {
        const Value what = part(0);
        List places;
        Named names;
        arguments(e.arguments, scope, places, names);
        return call(what, places, names, *e.parts[0]);
      }
      case Op::filter:
      case Op::test: {
        const Value input = part(0);
        List places;
        Named names;
        arguments(e.arguments, scope, places, names);
        if (e.op == Op::filter) return apply_filter(e.text, input, places, names, budget_);
        return Value(apply_test(e.text, input, places, budget_) != e.negated);
      }
      case Op::negate:
      case Op::plus: {
        const Value value = part(0);
        if (!value.is_number()) throw Fault{"a sign before a " + value.type()};
        return arithmetic(e.op == Op::negate ? "-" : "+", Value(int64_t{0}), value, budget_);
      }
      case Op::invert:
        return Value(!part(0).truth());
      case Op::both: {
        Value left = part(0);
        return left.truth() ? part(1) : left;
      }
      case Op::either: {
        Value left = part(0);
        return left.truth() ? left : part(1);
      }
      case Op::choose:
        if (evaluate(*e.parts[1], scope).truth()) return part(0);
        return e.parts[2] ? part(2) : Value::undefined("an \"if\" without \"else\"");
      case Op::concat: {
        std::string text;
        for (size_t i = 0; i < e.parts.size(); ++i) {
          const std::string each = to_text(part(i));
          budget_.make(static_cast<int64_t>(each.size()));
          text += each;
        }
        return Value::text(std::move(text));
      }
      case Op::binary: {
        const Value left = part(0);
        if (e.text == "%" && left.is_text()) throw Fault{"formatting with % is not part of the chat template subset"};
        return arithmetic(e.text, left, part(1), budget_);
      }
      case Op::compare:
        return comparison(e, scope);
    }
    return Value();
  }

  Value comparison(const Expression& e, const ScopePointer& scope) {
    Value left = evaluate(*e.parts[0], scope);
    for (size_t i = 0; i < e.ops.size(); ++i) {
      Value right = evaluate(*e.parts[i + 1], scope);
      const std::string& op = e.ops[i];
      bool holds = false;
      if (op == "==" || op == "!=")
        holds = equal(left, right) == (op == "==");
      else if (op == "in" || op == "not in")
        holds = contains(right, left, budget_) == (op == "in");
      else if (const int order = compare(left, right); op == "<" || op == "<=")
        holds = op == "<" ? order < 0 : order <= 0;
      else
        holds = op == ">" ? order > 0 : order >= 0;
      if (!holds) return Value(false);
      left = std::move(right);
    }
    return Value(true);
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
