// zebra tokenize: ids and decoded text of JSON lines, to compare tokenizers with.
#include <cstdio>
#include <iostream>
#include <memory>

#include "base/error.h"
#include "cli/verbs.h"
#include "io/json.h"
#include "tokenizer/tokenizer.h"

namespace zebra::cli {

namespace {

void tokenize(const fs::path& folder, bool special) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = cat("standard input, line ", number);
    const Json json = parse_json(line, where);
    if (!json.is_object()) fail_input(where, ": expected {\"text\": ..}, found ", json.dump().substr(0, 80));
    const auto ids = tokenizer.encode(json_get<std::string>(json, "text", where), special);
    Json out;
    out["ids"] = ids;
    out["decoded"] = tokenizer.decode(ids);
    std::printf("%s\n", out.dump().c_str());
  }
}

}  // namespace

void add_tokenize(CLI::App& app) {
  auto* verb = app.add_subcommand("tokenize", "ids and decoded text of JSON lines {\"text\"} on standard input");
  const auto folder = std::make_shared<std::string>();
  const auto special = std::make_shared<bool>(false);
  verb->add_option("DIR", *folder, "folder with tokenizer.json")->required();
  verb->add_flag("--special", *special, "add what the post-processor adds (BOS ...)");
  verb->callback([folder, special] { tokenize(*folder, *special); });
}

}  // namespace zebra::cli
