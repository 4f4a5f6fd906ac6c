#include "tokenizer/tokenizer.h"

#include <algorithm>

#include "io/foreign_folder.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/json_parts.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/tokenizer_file.h"
#include "tokenizer/unicode.h"

namespace zebra {

namespace {

// What the post-processor puts around a text. Its offsets and pair templates do not concern ids of one text.
struct Template {
  std::vector<int64_t> before, after;
};

void read_template(const Json& json, const std::string& where, Template& out) {
  bool seen_text = false;
  for (const auto& piece : part_list(json, "single", where)) {
    if (!piece.is_object() || piece.size() != 1) {
      fail_input(where, ": expected pieces like {\"SpecialToken\": ..}, found ", piece.dump().substr(0, 80));
    }
    const std::string kind = piece.begin().key();
    const std::string id = json_get<std::string>(piece.begin().value(), "id", where);
    if (kind == "Sequence" && id == "A" && !seen_text) {
      seen_text = true;
      continue;
    }
    const auto tokens = json.find("special_tokens");
    if (kind != "SpecialToken" || tokens == json.end() || !tokens->is_object() || !tokens->contains(id)) {
      fail_input(where, ": expected \"single\" to hold sequence A once and tokens of \"special_tokens\", found ",
                 piece.dump().substr(0, 80));
    }
    auto& side = seen_text ? out.after : out.before;
    for (const auto token : json_get<std::vector<int64_t>>((*tokens)[id], "ids", where)) side.push_back(token);
  }
  if (!seen_text) fail_input(where, ": expected \"single\" to hold sequence A, found none");
}

void read_post_processor(const Json& json, const std::string& where, Template& out) {
  if (json.is_null()) return;
  const std::string type = part_type(json, where);
  if (type == "Sequence") {
    for (const auto& part : part_list(json, "processors", where)) read_post_processor(part, where, out);
  } else if (type == "TemplateProcessing") {
    if (!out.before.empty() || !out.after.empty()) fail_input(where, ": expected one TemplateProcessing, found more");
    read_template(json, where, out);
  } else if (type != "ByteLevel") {  // which only trims offsets
    fail_part(where, type, "TemplateProcessing, ByteLevel or Sequence");
  }
}

// "<s>" or {"content": "<s>"}; "" where there is none.
std::string named_token(const Json& config, const std::string& key, const std::string& where) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return "";
  return json_get<std::string>(found->is_object() ? *found : config, found->is_object() ? "content" : key, where);
}

const Json& part(const Json& json, const char* key) {
  static const Json none;
  const auto found = json.find(key);
  return found == json.end() ? none : *found;
}

}  // namespace

struct Tokenizer::Impl {
  Impl(TokenizerFile file, const std::string& where) : Impl(file, file.parts, where) {}

  Impl(TokenizerFile& file, const Json& json, const std::string& where)
      : model(file.model, std::move(file.vocab), std::move(file.merges), where + ": model"),
        normalizer(Normalizer::parse(part(json, "normalizer"), where + ": normalizer")),
        pre_tokenizer(PreTokenizer::parse(part(json, "pre_tokenizer"), where + ": pre_tokenizer")),
        decoder(Decoder::parse(part(json, "decoder"), where + ": decoder")),
        added(std::move(file.added), where + ": added_tokens", model, normalizer) {
    const std::string post = where + ": post_processor";
    read_post_processor(part(json, "post_processor"), post, around);
    for (const auto* side : {&around.before, &around.after}) {
      for (const int64_t id : *side) {
        if (!text(id)) fail_input(post, ": expected ids of the vocabulary, found ", id);
      }
    }
  }

  int64_t id(std::string_view token) const {
    const int64_t id = added.id(token);
    return id >= 0 ? id : model.id(token);
  }

  // What decoding sees of an id.
  std::optional<std::string_view> text(int64_t id) const {
    if (const AddedToken* token = added.find(id)) return token->match;
    return model.vocab().token(id);
  }

  void encode_text(std::string_view input, std::vector<int64_t>& ids) const {
    const Bpe::Encoder encoder(model);
    const PreTokenizer::Sink sink = [&](std::string_view word) { encoder.encode(word, ids); };
    for (const TextPart& raw : added.split(input, false)) {
      if (raw.id >= 0) {
        ids.push_back(raw.id);
        continue;
      }
      std::string normalized(raw.text);
      bool at_start = raw.text.data() == input.data();
      normalizer.apply(normalized, at_start);
      for (const TextPart& piece : added.split(normalized, true)) {
        if (piece.id >= 0) {
          ids.push_back(piece.id);
        } else {
          pre_tokenizer.apply(piece.text, at_start && piece.text.data() == normalized.data(), sink);
        }
      }
    }
  }

  Bpe model;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Decoder decoder;
  AddedTokens added;
  Template around;
  int64_t bos = -1, eos = -1;
};

Tokenizer Tokenizer::load(const fs::path& folder) {
  check_tokenizer_folder(folder);
  const fs::path path = folder / "tokenizer.json";
  const std::string where = path.string();
  TokenizerFile file(path);
  const std::string version = json_get<std::string>(file.parts, "version", "1.0", where);
  if (version != "1.0") fail_input(where, ": key \"version\": expected \"1.0\", found \"", version.substr(0, 40), "\"");
  auto impl = std::make_unique<Impl>(std::move(file), where);

  const fs::path config_path = folder / "tokenizer_config.json";
  if (fs::exists(config_path)) {
    const Json config = read_json(config_path);
    const std::string config_where = config_path.string();
    if (!config.is_object()) fail_input(config_where, ": expected an object, found ", config.dump().substr(0, 80));
    impl->bos = impl->id(named_token(config, "bos_token", config_where));
    impl->eos = impl->id(named_token(config, "eos_token", config_where));
  }
  return Tokenizer(std::move(impl));
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<int64_t> Tokenizer::encode(std::string_view text, bool special) const {
  std::vector<int64_t> ids;
  if (special) ids = impl_->around.before;
  if (unicode::valid(text)) {
    impl_->encode_text(text, ids);
  } else {
    impl_->encode_text(unicode::lossy(text), ids);
  }
  if (special) ids.insert(ids.end(), impl_->around.after.begin(), impl_->around.after.end());
  return ids;
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids, bool skip_special) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int64_t id : ids) {
    const auto text = impl_->text(id);
    if (text && !(skip_special && impl_->added.is_special(*text))) tokens.emplace_back(*text);
  }
  return impl_->decoder.decode(std::move(tokens));
}

int64_t Tokenizer::vocab_size() const {
  return std::max(impl_->model.vocab().id_limit(), impl_->added.id_limit());
}

int64_t Tokenizer::token_id(std::string_view token) const {
  return impl_->id(token);
}

std::string Tokenizer::token(int64_t id) const {
  if (const AddedToken* added = impl_->added.find(id)) return added->content;
  const auto text = impl_->model.vocab().token(id);
  if (!text) fail_input("token id ", id, ": expected an id of the vocabulary (below ", vocab_size(), ")");
  return std::string(*text);
}

bool Tokenizer::is_special(int64_t id) const {
  const AddedToken* token = impl_->added.find(id);
  return token && token->special;
}

int64_t Tokenizer::bos() const {
  return impl_->bos;
}

int64_t Tokenizer::eos() const {
  return impl_->eos;
}

}  // namespace zebra
