#include "data/jinja/expression_parser.h"

#include <cstdlib>

#include "data/jinja/builtins.h"

namespace zebra::jinja {

namespace {

constexpr int kLongest = 1000;  // operators in one tag: a chain of them is as deep as it is long

}  // namespace

// a, or a.b, or a tuple of names.
Node ExpressionParser::target() {
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

Node ExpressionParser::tuple_or_expression(bool conditional) {
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

Node ExpressionParser::expression() {
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
void ExpressionParser::link() {
  if (++chain_ > kLongest) bad(cat("an expression of more than ", kLongest, " operators"));
}

// Joins two sides under an operator.
Node ExpressionParser::join(Op op, Node left, Node right, const std::string& text) {
  Node made = node(op);
  made->text = text;
  made->parts.push_back(std::move(left));
  made->parts.push_back(std::move(right));
  link();
  return made;
}

Node ExpressionParser::either() {
  const Level level(*this);
  Node left = both();
  while (take_word("or")) left = join(Op::either, std::move(left), both());
  return left;
}

Node ExpressionParser::both() {
  Node left = inverted();
  while (take_word("and")) left = join(Op::both, std::move(left), inverted());
  return left;
}

Node ExpressionParser::inverted() {
  const Level level(*this);
  if (!word("not")) return comparison();
  Node made = node(Op::invert);
  ++at_;
  made->parts.push_back(inverted());
  return made;
}

Node ExpressionParser::comparison() {
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

Node ExpressionParser::sum() {
  Node left = concatenation();
  while (sign("+") || sign("-")) {
    const std::string op = tokens_[at_++].text;
    left = join(Op::binary, std::move(left), concatenation(), op);
  }
  return left;
}

Node ExpressionParser::concatenation() {
  Node left = product();
  if (!sign("~")) return left;
  Node made = node(Op::concat);
  made->parts.push_back(std::move(left));
  while (take_sign("~")) made->parts.push_back(product());
  return made;
}

Node ExpressionParser::product() {
  Node left = power();
  while (sign("*") || sign("/") || sign("//") || sign("%")) {
    const std::string op = tokens_[at_++].text;
    left = join(Op::binary, std::move(left), power(), op);
  }
  return left;
}

Node ExpressionParser::power() {
  Node left = unary(true);
  while (take_sign("**")) left = join(Op::binary, std::move(left), unary(true), "**");
  return left;
}

Node ExpressionParser::unary(bool with_filters) {
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

Node ExpressionParser::literal(Value value) {
  Node made = node(Op::literal);
  made->value = std::move(value);
  ++at_;
  return made;
}

Node ExpressionParser::primary() {
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

Node ExpressionParser::parentheses() {
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

Node ExpressionParser::elements(Op op, std::string_view close) {
  Node made = node(op);
  while (!take_sign(close)) {
    made->parts.push_back(expression());
    if (!take_sign(",") && !sign(close)) bad(cat("expected \",\" or \"", close, "\""));
  }
  return made;
}

Node ExpressionParser::dictionary() {
  Node made = node(Op::dict);
  while (!take_sign("}")) {
    made->parts.push_back(expression());
    want_sign(":");
    made->parts.push_back(expression());
    if (!take_sign(",") && !sign("}")) bad("expected \",\" or \"}\"");
  }
  return made;
}

Node ExpressionParser::postfix(Node made) {
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

Node ExpressionParser::subscript(Node of) {
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

Node ExpressionParser::called(Node of) {
  Node made = node(Op::call);
  made->parts.push_back(std::move(of));
  made->arguments = arguments();
  return made;
}

Arguments ExpressionParser::arguments() {
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

Node ExpressionParser::one_filter(Node of) {
  Node made = node(Op::filter);
  made->parts.push_back(std::move(of));
  made->text = want_name("the name of a filter");
  if (!is_filter(made->text)) bad(cat("filter \"", made->text, "\" is not part of the chat template subset"));
  if (sign("(")) made->arguments = arguments();
  link();
  return made;
}

Node ExpressionParser::filters(Node made) {
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
}  // namespace zebra::jinja
