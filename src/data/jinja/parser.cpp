#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "data/jinja/builtins.h"
#include "data/jinja/syntax.h"

namespace zebra::jinja {

namespace {

constexpr int kLongest = 1000;  // operators in one tag: a chain of them is as deep as it is long

class Parser {
 public:
  Parser(const std::vector<Token>& tokens, const std::string& where, int depth)
      : tokens_(tokens), where_(where), depth_(depth) {}

  Body all() {
    Body body = statements({});
    if (now().kind != TokenKind::end) bad("expected the end");
    return body;
  }

 private:
  // Counts nesting while it lives.
  struct Level {
    explicit Level(Parser& parser) : parser(parser) {
      if (++parser.level_ > parser.depth_) parser.bad(cat("nested more than ", parser.depth_, " deep"));
    }
    ~Level() { --parser.level_; }
    Parser& parser;
  };

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  [[noreturn]] void bad(const std::string& what) const {
    fail_input(where_, ", line ", now().line, ": ", what,
               now().kind == TokenKind::end ? " before the end of the template"
               : now().text.empty()         ? " before the end of a tag"
                                            : cat(", found \"", now().text.substr(0, 40), "\""));
  }
  bool is(TokenKind kind, std::string_view text) const { return now().kind == kind && now().text == text; }
  bool sign(std::string_view text) const { return is(TokenKind::sign, text); }
  bool word(std::string_view text) const { return is(TokenKind::name, text); }
  bool take_sign(std::string_view text) { return sign(text) && ++at_; }
  bool take_word(std::string_view text) { return word(text) && ++at_; }
  void want_sign(std::string_view text) {
    if (!take_sign(text)) bad(cat("expected \"", text, "\""));
  }
  std::string want_name(const char* what) {
    if (now().kind != TokenKind::name) bad(cat("expected ", what));
    return tokens_[at_++].text;
  }
  void want_end() {
    if (now().kind != TokenKind::block_end) bad("expected the end of the tag");
    ++at_;
  }
  Node node(Op op) const {
    auto made = std::make_unique<Expression>();
    made->op = op;
    made->line = now().line;
    return made;
  }

  // Statements until a tag that begins with one of `ends`, whose word is left as the current token.
  Body statements(const std::vector<std::string>& ends) {
    const Level level(*this);
    Body body;
    while (now().kind != TokenKind::end) {
      auto made = std::make_unique<Statement>();
      made->line = now().line;
      chain_ = 0;
      if (now().kind == TokenKind::text) {
        made->kind = Kind::text;
        made->text = tokens_[at_++].text;
      } else if (now().kind == TokenKind::print_begin) {
        ++at_;
        made->kind = Kind::print;
        made->value = tuple_or_expression();
        if (now().kind != TokenKind::print_end) bad("expected \"}}\"");
        ++at_;
      } else {
        ++at_;  // block_begin
        if (now().kind != TokenKind::name) bad("expected the name of a statement");
        if (std::find(ends.begin(), ends.end(), now().text) != ends.end()) return body;
        const std::string name = tokens_[at_++].text;
        if (name == "generation") {  // marks what the assistant says: without effect on the text
          want_end();
          for (auto& inner : closed_body("endgeneration")) body.push_back(std::move(inner));
          continue;
        }
        statement(name, *made);
      }
      body.push_back(std::move(made));
    }
    if (!ends.empty()) bad(cat("expected \"", ends.back(), "\""));
    return body;
  }

  Body closed_body(const std::string& end) {
    Body body = statements({end});
    ++at_;
    want_end();
    return body;
  }

  void statement(const std::string& name, Statement& made) {
    if (name == "if") {
      choose(made);
    } else if (name == "for") {
      loop(made);
    } else if (name == "set") {
      set(made);
    } else if (name == "macro") {
      made.kind = Kind::macro;
      made.text = want_name("the name of a macro");
      parameters(made);
      want_end();
      made.body = closed_body("endmacro");
    } else if (name == "break" || name == "continue") {
      if (loops_ == 0) bad(cat("\"", name, "\" outside of a loop"));
      made.kind = name == "break" ? Kind::stop : Kind::next;
      want_end();
    } else if (name == "filter") {
      made.kind = Kind::filter;
      Node input = node(Op::name);  // the body's text, under a name that templates cannot write
      made.value = filters(one_filter(std::move(input)));
      want_end();
      made.body = closed_body("endfilter");
    } else if (name == "call") {
      made.kind = Kind::call;
      if (sign("(")) parameters(made);
      made.value = expression();
      if (made.value->op != Op::call) bad("expected a call");
      want_end();
      made.body = closed_body("endcall");
    } else {
      bad(cat("statement \"", name, "\" is not part of the chat template subset"));
    }
  }

  void parameters(Statement& made) {
    want_sign("(");
    while (!take_sign(")")) {
      std::string name = want_name("the name of a parameter");
      made.parameters.emplace_back(std::move(name), take_sign("=") ? expression() : nullptr);
      if (!take_sign(",") && !sign(")")) bad("expected \",\" or \")\"");
    }
  }

  void choose(Statement& made) {
    made.kind = Kind::choose;
    Node condition = tuple_or_expression(false);
    while (true) {
      want_end();
      made.branches.emplace_back(std::move(condition), statements({"elif", "else", "endif"}));
      const std::string end = tokens_[at_++].text;
      if (end == "endif") break;
      condition = end == "elif" ? tuple_or_expression(false) : nullptr;
    }
    want_end();
  }

  void loop(Statement& made) {
    made.kind = Kind::loop;
    made.target = target();
    if (!take_word("in")) bad("expected \"in\"");
    made.value = tuple_or_expression(false);
    if (take_word("if")) made.condition = expression();
    made.recursive = take_word("recursive");
    want_end();
    ++loops_;
    made.body = statements({"else", "endfor"});
    --loops_;
    if (tokens_[at_++].text == "else") {
      want_end();
      made.otherwise = statements({"endfor"});
      ++at_;
    }
    want_end();
  }

  void set(Statement& made) {
    made.target = target();
    if (take_sign("=")) {
      made.kind = Kind::set;
      made.value = tuple_or_expression();
      want_end();
      return;
    }
    made.kind = Kind::set_block;
    if (sign("|")) {
      Node input = node(Op::name);
      made.value = filters(std::move(input));
    }
    want_end();
    made.body = closed_body("endset");
  }

  // a, or a.b, or a tuple of names.
  Node target() {
    const Level level(*this);
    const auto single = [&] {
      if (take_sign("(")) {
        Node inner = target();
        want_sign(")");
        return inner;
      }
      Node made = node(Op::name);
      made->text = want_name("a name");
      if (take_sign(".")) {
        Node attribute = node(Op::attribute);
        attribute->text = want_name("the name of an attribute");
        attribute->parts.push_back(std::move(made));
        return attribute;
      }
      return made;
    };
    Node first = single();
    if (!sign(",")) return first;
    Node tuple = node(Op::tuple);
    tuple->parts.push_back(std::move(first));
    while (take_sign(",") && (now().kind == TokenKind::name || sign("(")) && !word("in"))
      tuple->parts.push_back(single());
    return tuple;
  }

  Node tuple_or_expression(bool conditional = true) {
    const auto part = [&] { return conditional ? expression() : either(); };
    Node first = part();
    if (!sign(",")) return first;
    Node tuple = node(Op::tuple);
    tuple->parts.push_back(std::move(first));
    while (take_sign(",")) {
      if (now().kind == TokenKind::block_end || now().kind == TokenKind::print_end) break;
      tuple->parts.push_back(part());
    }
    return tuple;
  }

  Node expression() {
    const Level level(*this);
    Node left = either();
    while (word("if")) {
      Node made = node(Op::choose);
      ++at_;
      made->parts.push_back(std::move(left));
      made->parts.push_back(either());
      made->parts.push_back(take_word("else") ? expression() : nullptr);
      left = std::move(made);
      link();
    }
    return left;
  }

  // Counts what a loop puts around the expression before it.
  void link() {
    if (++chain_ > kLongest) bad(cat("an expression of more than ", kLongest, " operators"));
  }

  // Joins two sides under an operator.
  Node join(Op op, Node left, Node right, const std::string& text = "") {
    Node made = node(op);
    made->text = text;
    made->parts.push_back(std::move(left));
    made->parts.push_back(std::move(right));
    link();
    return made;
  }

  Node either() {
    const Level level(*this);
    Node left = both();
    while (take_word("or")) left = join(Op::either, std::move(left), both());
    return left;
  }
  Node both() {
    Node left = inverted();
    while (take_word("and")) left = join(Op::both, std::move(left), inverted());
    return left;
  }
  Node inverted() {
    const Level level(*this);
    if (!word("not")) return comparison();
    Node made = node(Op::invert);
    ++at_;
    made->parts.push_back(inverted());
    return made;
  }
  Node comparison() {
    Node left = sum();
    Node made;
    while (true) {
      std::string op;
      for (const char* each : {"==", "!=", "<", "<=", ">", ">="}) {
        if (sign(each)) op = each;
      }
      if (word("in")) op = "in";
      if (word("not") && ahead().kind == TokenKind::name && ahead().text == "in") {
        op = "not in";
        ++at_;
      }
      if (op.empty()) break;
      if (!made) {
        made = node(Op::compare);
        made->parts.push_back(std::move(left));
      }
      ++at_;
      made->ops.push_back(op);
      made->parts.push_back(sum());
    }
    return made ? std::move(made) : std::move(left);
  }
  Node sum() {
    Node left = concatenation();
    while (sign("+") || sign("-")) {
      const std::string op = tokens_[at_++].text;
      left = join(Op::binary, std::move(left), concatenation(), op);
    }
    return left;
  }
  Node concatenation() {
    Node left = product();
    if (!sign("~")) return left;
    Node made = node(Op::concat);
    made->parts.push_back(std::move(left));
    while (take_sign("~")) made->parts.push_back(product());
    return made;
  }
  Node product() {
    Node left = power();
    while (sign("*") || sign("/") || sign("//") || sign("%")) {
      const std::string op = tokens_[at_++].text;
      left = join(Op::binary, std::move(left), power(), op);
    }
    return left;
  }
  Node power() {
    Node left = unary(true);
    while (take_sign("**")) left = join(Op::binary, std::move(left), unary(true), "**");
    return left;
  }
  Node unary(bool with_filters) {
    const Level level(*this);
    Node made;
    if (sign("-") || sign("+")) {
      made = node(sign("-") ? Op::negate : Op::plus);
      ++at_;
      made->parts.push_back(unary(false));
    } else {
      made = primary();
    }
    made = postfix(std::move(made));
    return with_filters ? filters(std::move(made)) : std::move(made);
  }

  Node literal(Value value) {
    Node made = node(Op::literal);
    made->value = std::move(value);
    ++at_;
    return made;
  }

  Node primary() {
    const Token& token = now();
    if (token.kind == TokenKind::name) {
      if (token.text == "true" || token.text == "True") return literal(Value(true));
      if (token.text == "false" || token.text == "False") return literal(Value(false));
      if (token.text == "none" || token.text == "None") return literal(Value(nullptr));
      Node made = node(Op::name);
      made->text = token.text;
      ++at_;
      return made;
    }
    if (token.kind == TokenKind::string) {
      std::string text = token.text;
      while (ahead().kind == TokenKind::string) {
        ++at_;
        text += now().text;
      }
      return literal(Value::text(std::move(text)));
    }
    if (token.kind == TokenKind::integer) return literal(Value(static_cast<int64_t>(std::atoll(token.text.c_str()))));
    if (token.kind == TokenKind::real) return literal(Value(std::strtod(token.text.c_str(), nullptr)));
    if (take_sign("(")) return parentheses();
    if (take_sign("[")) return elements(Op::list, "]");
    if (take_sign("{")) return dictionary();
    bad("expected an expression");
  }

  Node parentheses() {
    Node made = node(Op::tuple);
    if (take_sign(")")) return made;
    Node first = expression();
    if (take_sign(")")) return first;
    made->parts.push_back(std::move(first));
    while (!take_sign(")")) {
      want_sign(",");
      if (!sign(")")) made->parts.push_back(expression());
    }
    return made;
  }
  Node elements(Op op, std::string_view close) {
    Node made = node(op);
    while (!take_sign(close)) {
      made->parts.push_back(expression());
      if (!take_sign(",") && !sign(close)) bad(cat("expected \",\" or \"", close, "\""));
    }
    return made;
  }
  Node dictionary() {
    Node made = node(Op::dict);
    while (!take_sign("}")) {
      made->parts.push_back(expression());
      want_sign(":");
      made->parts.push_back(expression());
      if (!take_sign(",") && !sign("}")) bad("expected \",\" or \"}\"");
    }
    return made;
  }

  Node postfix(Node made) {
    while (true) {
      if (sign(".")) {
        Node next = node(ahead().kind == TokenKind::integer ? Op::item : Op::attribute);
        ++at_;
        next->parts.push_back(std::move(made));
        if (next->op == Op::item)
          next->parts.push_back(primary());
        else
          next->text = want_name("the name of an attribute");
        made = std::move(next);
      } else if (sign("[")) {
        made = subscript(std::move(made));
      } else if (sign("(")) {
        made = called(std::move(made));
      } else {
        return made;
      }
      link();
    }
  }
  Node subscript(Node of) {
    Node made = node(Op::item);
    ++at_;
    made->parts.push_back(std::move(of));
    const auto bound = [&]() -> Node { return sign(":") || sign("]") ? nullptr : expression(); };
    made->parts.push_back(bound());
    if (sign(":")) {
      made->op = Op::slice;
      for (int i = 0; i < 2; ++i) made->parts.push_back(take_sign(":") ? bound() : nullptr);
    } else if (made->parts.back() == nullptr) {
      bad("expected an index");
    }
    want_sign("]");
    return made;
  }
  Node called(Node of) {
    Node made = node(Op::call);
    made->parts.push_back(std::move(of));
    made->arguments = arguments();
    return made;
  }
  Arguments arguments() {
    Arguments out;
    want_sign("(");
    while (!take_sign(")")) {
      if (sign("*") || sign("**")) bad("unpacked arguments are not part of the chat template subset");
      if (now().kind == TokenKind::name && ahead().kind == TokenKind::sign && ahead().text == "=") {
        std::string name = tokens_[at_].text;
        at_ += 2;
        out.names.emplace_back(std::move(name), expression());
      } else {
        if (!out.names.empty()) bad("an argument without name after one with a name");
        out.places.push_back(expression());
      }
      if (!take_sign(",") && !sign(")")) bad("expected \",\" or \")\"");
    }
    return out;
  }

  Node one_filter(Node of) {
    Node made = node(Op::filter);
    made->parts.push_back(std::move(of));
    made->text = want_name("the name of a filter");
    if (!is_filter(made->text)) bad(cat("filter \"", made->text, "\" is not part of the chat template subset"));
    if (sign("(")) made->arguments = arguments();
    link();
    return made;
  }
  Node filters(Node made) {
    while (true) {
      if (take_sign("|")) {
        made = one_filter(std::move(made));
      } else if (take_word("is")) {
        Node test = node(Op::test);
        test->negated = take_word("not");
        test->text = want_name("the name of a test");
        if (!is_test(test->text)) bad(cat("test \"", test->text, "\" is not part of the chat template subset"));
        test->parts.push_back(std::move(made));
        const TokenKind kind = now().kind;
        const bool keyword = word("else") || word("or") || word("and") || word("is") || word("if") || word("in") ||
                             word("not") || word("recursive");
        if (sign("(")) {
          test->arguments = arguments();
        } else if ((kind == TokenKind::name && !keyword) || kind == TokenKind::string || kind == TokenKind::integer ||
                   kind == TokenKind::real || sign("[") || sign("{")) {
          test->arguments.places.push_back(postfix(primary()));
        }
        made = std::move(test);
        link();
      } else if (sign("(")) {
        made = called(std::move(made));
        link();
      } else {
        return made;
      }
    }
  }

  const std::vector<Token>& tokens_;
  const std::string& where_;
  int depth_, level_ = 0, loops_ = 0;
  size_t at_ = 0;
  int chain_ = 0;
};

}  // namespace

Syntax parse_syntax(const std::vector<Token>& tokens, const std::string& where, int depth) {
  Syntax syntax;
  syntax.body = Parser(tokens, where, depth).all();
  syntax.where = where;
  return syntax;
}

}  // namespace zebra::jinja
