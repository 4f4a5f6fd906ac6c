// WikiText-2 (Merity et al. 2017) by document: page. Scored is the text with its tokenization undone; words and bytes
// are counted on the page as it was.
#include "data/python_text.h"
#include "eval/tasks/all.h"
#include "tokenizer/unicode.h"

namespace zebra::tasks {

namespace {

// Drops the spaces inside each pair of brackets or quotes: "( a )" becomes "(a)".
std::string tight(const std::string& text, char open, char close) {
  std::string out;
  size_t at = 0;
  while (true) {
    const size_t begin = text.find(open, at);
    const size_t end = begin == std::string::npos ? begin : text.find(close, begin + 1);
    if (end == std::string::npos) break;
    out.append(text, at, begin - at);
    out += open;
    out += python::strip(std::string_view(text).substr(begin + 1, end - begin - 1));
    out += close;
    at = end + 1;
  }
  return out.append(text, at);
}

std::string detokenized(std::string text) {
  static const std::pair<const char*, const char*> before[] = {{" @-@ ", "-"}, {" @,@ ", ","}, {" @.@ ", "."},
                                                               {" : ", ": "},  {" ; ", "; "},  {" . ", ". "},
                                                               {" ! ", "! "},  {" ? ", "? "},  {" , ", ", "}};
  static const std::pair<const char*, const char*> after[] = {{"= = = =", "===="},    {"= = =", "==="}, {"= =", "=="},
                                                              {" \u00b0 ", "\u00b0"}, {" \n", "\n"},    {"\n ", "\n"},
                                                              {" N ", " 1 "},         {" 's", "'s"}};
  text = python::replace(text, "s '", "s'");
  // The definition's "/' 7/" becomes the text of a pattern: a slip of its authors that scores depend on.
  for (char digit = '0'; digit <= '9'; ++digit)
    text = python::replace(text, std::string("/' ") + digit + "/", "/'[0-9]/");
  for (const auto& [from, to] : before) text = python::replace(text, from, to);
  text = tight(text, '(', ')');
  text = tight(text, '[', ']');
  text = tight(text, '{', '}');
  text = tight(text, '"', '"');
  text = tight(text, '\'', '\'');
  for (const auto& [from, to] : after) text = python::replace(text, from, to);
  return text;
}

Question question(const Json& document, const std::string& where) {
  Question out;
  out.counted = text(document, "page", where);
  out.target = detokenized(out.counted);
  return out;
}

}  // namespace

Task wikitext() {
  return {.name = "wikitext",
          .kind = TaskKind::rolling,
          .examples = "train",
          .metrics = {"word_perplexity", "byte_perplexity", "bits_per_byte"},
          .version = 2,
          .question = question};
}

}  // namespace zebra::tasks
