#pragma once
// The part of the parser that reads expressions, by recursive descent.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "data/jinja/syntax.h"

namespace zebra::jinja {

class ExpressionParser {
 protected:
  ExpressionParser(const std::vector<Token>& tokens, const std::string& where, int depth)
      : tokens_(tokens), where_(where), depth_(depth) {}

  // Counts nesting while it lives.
  struct Level {
    explicit Level(ExpressionParser& parser) : parser(parser) {
      if (++parser.level_ > parser.depth_) parser.bad(cat("nested more than ", parser.depth_, " deep"));
    }
    ~Level() { --parser.level_; }
    ExpressionParser& parser;
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

  // a, or a.b, or a tuple of names.
  Node target();
  Node tuple_or_expression(bool conditional = true);
  Node expression();
  Node one_filter(Node of);
  Node filters(Node made);

  const std::vector<Token>& tokens_;
  const std::string& where_;
  int depth_, level_ = 0;
  size_t at_ = 0;
  int chain_ = 0;  // operators of this tag

 private:
  // Counts what a loop puts around the expression before it.
  void link();
  // Joins two sides under an operator.
  Node join(Op op, Node left, Node right, const std::string& text = "");
  Node either();
  Node both();
  Node inverted();
  Node comparison();
  Node sum();
  Node concatenation();
  Node product();
  Node power();
  Node unary(bool with_filters);
  Node literal(Value value);
  Node primary();
  Node parentheses();
  Node elements(Op op, std::string_view close);
  Node dictionary();
  Node postfix(Node made);
  Node subscript(Node of);
  Node called(Node of);
  Arguments arguments();
};

}  // namespace zebra::jinja
