// LAMBADA (Paperno et al. 2016), OpenAI's text: text, of which the last word is to be said.
#include "base/error.h"
#include "eval/tasks/all.h"

namespace zebra::tasks {

namespace {

Question question(const Json& document, const std::string& where) {
  const std::string whole = text(document, "text", where);
  const size_t space = whole.rfind(' ');
  Question out;
  if (space != std::string::npos) out.prompt = whole.substr(0, space);
  out.target = cat(" ", whole.substr(space == std::string::npos ? 0 : space + 1));
  return out;
}

}  // namespace

Task lambada() {
  return {.name = "lambada_openai",
          .kind = TaskKind::log_likelihood,
          .metrics = {"perplexity", "acc"},
          .question = question};
}

}  // namespace zebra::tasks
