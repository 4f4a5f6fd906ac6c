// The chat template of a model's folder: chat_template.jinja, or what tokenizer_config.json holds.
#include "base/error.h"
#include "data/chat_template.h"
#include "fuzz/files.h"
#include "fuzz/fuzz.h"

namespace zebra::fuzz {

namespace {

const std::string kTemplate =
    R"({{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{{ eos_token }}{% endfor %})"
    R"({% if add_generation_prompt %}<assistant>{% endif %})";

std::string config(const Json& chat_template) {
  return Json{{"bos_token", "<s>"},
              {"eos_token", {{"content", "</s>"}, {"lstrip", false}}},
              {"pad_token", nullptr},
              {"chat_template", chat_template}}
      .dump();
}

}  // namespace

std::vector<std::string> seeds() {
  const Json named = {{{"name", "default"}, {"template", kTemplate}},
                      {{"name", "tool_use"}, {"template", "{{ tools }}"}}};
  return {parts({{"tokenizer_config.json", config(kTemplate)}}), parts({{"tokenizer_config.json", config(named)}}),
          parts({{"chat_template.jinja", kTemplate}, {"tokenizer_config.json", config(nullptr)}})};
}
std::vector<std::string> words() {
  return with_json_words({"\"chat_template\":", "\"bos_token\":", "\"content\":", "\"name\":", "\"template\":",
                          "\"default\"", "\"tool_use\"", "{{ ", " }}", "{% ", " %}", "messages", "m.role",
                          "raise_exception('x')", "chat_template.jinja\n", "\n====\n"});
}

}  // namespace zebra::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace zebra;
  fuzz::put_parts(fuzz::text(data, size), {"tokenizer_config.json", "chat_template.jinja"});
  const Messages messages = {{"system", "s"}, {"user", "u \xc3\xa9"}, {"assistant", "a"}};
  const jinja::Limits limits{.steps = 20000, .bytes = int64_t{4} << 20, .now = 1};
  for (const char* name : {"", "tool_use"}) {
    try {
      const auto found = ChatTemplate::load(fuzz::folder(), name);
      if (found) found->render(messages, true, limits);
    } catch (const Error& error) {  // usage: no template of that name
      if (error.kind() != ErrorKind::input && error.kind() != ErrorKind::usage) __builtin_trap();
    }
  }
  return 0;
}
