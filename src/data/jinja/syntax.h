#pragma once
// A parsed template.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/jinja/lexer.h"
#include "data/jinja/value.h"

namespace zebra::jinja {

struct Expression;
using Node = std::unique_ptr<Expression>;

// Arguments of a call, filter or test.
struct Arguments {
  std::vector<Node> places;
  std::vector<std::pair<std::string, Node>> names;
};

enum class Op {
  literal,    // value
  name,       // text
  list,       // parts
  tuple,      // parts
  dict,       // parts: key, value, key, value ..
  attribute,  // parts[0].text
  item,       // parts[0][parts[1]]
  slice,      // parts[0][parts[1]:parts[2]:parts[3]], absent ones null
  call,       // parts[0](arguments)
  filter,     // parts[0] | text(arguments)
  test,       // parts[0] is text(arguments); `negated`
  negate,
  plus,
  invert,  // not
  both,    // and
  either,  // or
  choose,  // parts[0] if parts[1] else parts[2] (null: undefined)
  concat,  // ~
  binary,  // text: + - * / // % **
  compare  // parts[0] ops[0] parts[1] ops[1] ..
};

struct Expression {
  Op op;
  int line;
  std::string text;
  Value value;
  std::vector<Node> parts;
  std::vector<std::string> ops;
  Arguments arguments;
  bool negated = false;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

enum class Kind { text, print, choose, loop, set, set_block, macro, stop, next, filter, call };

struct Statement {
  Kind kind;
  int line;
  std::string text;                             // text; macro's name
  Node value;                                   // print; loop: over what; set; filter: applied to a name ""; call
  Node condition;                               // of a loop
  std::vector<std::pair<Node, Body>> branches;  // choose: condition (null: else) and body
  Node target;                                  // loop, set: a name, a tuple of them or an attribute
  std::vector<std::pair<std::string, Node>> parameters;  // macro, call: name and default (or null)
  Body body, otherwise;                                  // otherwise: of a loop
  bool recursive = false;
};

struct Syntax {
  Body body;
  std::string where;
};

// `depth` bounds nesting.
Syntax parse_syntax(const std::vector<Token>& tokens, const std::string& where, int depth);

}  // namespace zebra::jinja
