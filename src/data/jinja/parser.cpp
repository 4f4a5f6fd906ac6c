#include <algorithm>

#include "base/error.h"
#include "data/jinja/expression_parser.h"

namespace zebra::jinja {

namespace {

class Parser : private ExpressionParser {
 public:
  Parser(const std::vector<Token>& tokens, const std::string& where, int depth)
      : ExpressionParser(tokens, where, depth) {}

  Body all() {
    Body body = statements({});
    if (now().kind != TokenKind::end) bad("expected the end");
    return body;
  }

 private:
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

  int loops_ = 0;
};

}  // namespace

Syntax parse_syntax(const std::vector<Token>& tokens, const std::string& where, int depth) {
  Syntax syntax;
  syntax.body = Parser(tokens, where, depth).all();
  syntax.where = where;
  return syntax;
}

}  // namespace zebra::jinja
