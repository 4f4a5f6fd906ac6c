#include "pipeline/known_shapes.h"

#include <cctype>

#include "io/json.h"
#include "model/adapters.h"
#include "version/version.h"

namespace zebra {

namespace {

// Letters and digits of the name behind the owner, without what names its training, not its shape.
std::string short_form(const std::string& name) {
  std::string text;
  for (const char c : name.substr(name.rfind('/') + 1))
    text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string word : {"-instruct", "-chat", "-base", "-hf", "-it", "meta-"}) {
    for (size_t at; (at = text.find(word)) != std::string::npos;) text.erase(at, word.size());
  }
  std::erase_if(text, [](unsigned char c) { return c == '-' || c == '_' || c == ' '; });
  return text;
}

}  // namespace

std::optional<ModelConfig> known_shape(const std::string& name) {
  const fs::path file = fs::path(source_folder()) / "models" / "shapes.json";
  if (!fs::exists(file)) return std::nullopt;
  const std::string wanted = short_form(name);
  const Json shapes = read_json(file);
  for (const auto& [known, config] : shapes.items()) {
    if (short_form(known) == wanted) return read_huggingface({config, file.string() + ": " + known});
  }
  return std::nullopt;
}

}  // namespace zebra
