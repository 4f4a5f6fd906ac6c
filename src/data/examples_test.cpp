#include "data/examples.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/scratch.h"

namespace zebra {
namespace {

// Every byte is a token or more; BOS <s> and EOS </s>, and on demand the special tokens of Llama 3.
class ExamplesTest : public testing::Test {
 protected:
  ScratchFolder folder;

  Tokenizer tokenizer(bool llama3, bool adds_bos = false) const {
    Json json = read_json("tests/golden/tokenizer/byte_level.json");
    int id = 360;
    for (const char* text : {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}) {
      if (!llama3) break;
      Json token = json["added_tokens"][0];
      token["id"] = id++;
      token["content"] = text;
      json["added_tokens"].push_back(token);
    }
    if (adds_bos) {
      json["post_processor"] = parse_json(R"({"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}})",
                                          "test");
    }
    json["decoder"] = json["pre_tokenizer"];
    folder.put("tokenizer.json", json.dump());
    folder.put("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
    return Tokenizer::load(folder.path);
  }
  ExampleSet read(const Tokenizer& tokenizer, ExampleKind kind, const std::string& lines, int64_t length = 512,
                  const std::string& chat = "") const {
    folder.put("data.jsonl", lines);
    folder.put("chat_template.jinja", chat);
    return read_examples({folder.path / "data.jsonl"}, kind, tokenizer,
                         {.length = length, .vocab = 400, .eos = 1, .model = chat.empty() ? fs::path() : folder.path});
  }
  // A row as text, with what counts in brackets.
  static std::string shown(const Tokenizer& tokenizer, const AnswerRow& row) {
    std::string out;
    for (size_t begin = 0; begin < row.ids.size();) {
      size_t end = begin;
      while (end < row.ids.size() && row.counted[end] == row.counted[begin]) ++end;
      const std::string part = tokenizer.decode(
          {row.ids.begin() + static_cast<int64_t>(begin), row.ids.begin() + static_cast<int64_t>(end)});
      out += row.counted[begin] ? "[" + part + "]" : part;
      begin = end;
    }
    return out;
  }
  // Reading them is refused, with an error that begins with file and line `number` and holds `parts`.
  void expect_refused(ExampleKind kind, const std::string& lines, int number, const std::vector<std::string>& parts,
                      const std::string& chat = "") const {
    const Tokenizer plain = tokenizer(false);
    try {
      read(plain, kind, lines, 512, chat);
      ADD_FAILURE() << lines << chat << " was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      const std::string message = error.what();
      EXPECT_NE(message.find(cat("data.jsonl, line ", number)), std::string::npos) << message;
      for (const auto& part : parts) EXPECT_NE(message.find(part), std::string::npos) << message;
    }
  }
  void expect_error(ExampleKind kind, const std::string& line, const std::vector<std::string>& parts) const {
    const std::string good = kind == ExampleKind::answers ? R"({"prompt": "a", "completion": "b"})"
                                                          : R"({"prompt": "a", "chosen": "b", "rejected": "c"})";
    expect_refused(kind, good + "\n" + line + "\n", 2, parts);
  }
};

const char* const kTalk =
    R"({"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": " Hi "},
  {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye?"},
  {"role": "assistant", "content": "Bye."}, {"role": "user", "content": "never seen"}]})";

std::string one_line(std::string text) {
  for (char& c : text) c = c == '\n' ? ' ' : c;
  return text;
}

TEST_F(ExamplesTest, LlamaLayoutCountsTheAnswers) {
  const Tokenizer llama = tokenizer(true);
  const ExampleSet set = read(llama, ExampleKind::answers, one_line(kTalk));
  ASSERT_EQ(set.examples.size(), 1u);
  EXPECT_EQ(shown(llama, set.examples[0][0]),
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n[Hello.<|eot_id|>]"
            "<|start_header_id|>user<|end_header_id|>\n\nBye?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n[Bye.<|eot_id|>]");
}

TEST_F(ExamplesTest, PlainLayoutCountsTheAnswers) {
  const Tokenizer plain = tokenizer(false, true);
  const ExampleSet set = read(plain, ExampleKind::answers, one_line(kTalk));
  EXPECT_EQ(shown(plain, set.examples[0][0]),
            "<s>system: Be kind.\nuser: Hi\nassistant:[ Hello.</s>]\nuser: Bye?\nassistant:[ Bye.</s>]");
  EXPECT_EQ(set.examples[0][0].counted_tokens(),
            static_cast<int64_t>(plain.encode(" Hello.", false).size() + plain.encode(" Bye.", false).size() + 2));
}

// What a text spells and the program adds is there twice, and an answer without an end teaches to go on for ever.
TEST_F(ExamplesTest, EndsThatAreTwiceOrMissingAreCounted) {
  const Tokenizer plain = tokenizer(false, true);
  const ExampleSet spelled = read(plain, ExampleKind::answers,
                                  R"({"prompt": "<s>a", "completion": "b</s>"})"
                                  "\n"
                                  R"({"prompt": "a", "completion": "b"})"
                                  "\n"
                                  R"({"prompt": "a", "completion": "b</s>"})");
  EXPECT_EQ(spelled.bos_twice, 1);
  EXPECT_EQ(spelled.end_twice, 2);
  EXPECT_EQ(spelled.endless, 0);
  const ExampleSet pair =
      read(plain, ExampleKind::preferences, R"({"prompt": "a", "chosen": "b</s>", "rejected": "c"})");
  EXPECT_EQ(pair.end_twice, 1);
  const std::string ends = "{% for m in messages %}{{ m['role'] + ':' + m['content'] + '</s>' }}{% endfor %}";
  const std::string never = "{% for m in messages %}{{ m['role'] + ':' + m['content'] + '.' }}{% endfor %}";
  const std::string ask = "{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}";
  EXPECT_EQ(read(plain, ExampleKind::answers, one_line(kTalk), 512, ends + ask).endless, 0);
  testing::internal::CaptureStderr();
  EXPECT_EQ(read(plain, ExampleKind::answers, one_line(kTalk), 512, never + ask).endless, 1);
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_NE(warning.find("data.jsonl: 1 of 1 answers end without a token"), std::string::npos) << warning;
}

TEST_F(ExamplesTest, TheModelsTemplateWritesMessages) {
  const Tokenizer llama = tokenizer(true);
  const std::string chat =
      "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}: {{ m.content | trim }}<|eot_id|>\n"
      "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant: {% endif %}";
  const ExampleSet set = read(llama, ExampleKind::answers, one_line(kTalk), 512, chat);
  EXPECT_EQ(shown(llama, set.examples[0][0]),
            "<s><|start_header_id|>system: Be kind.<|eot_id|>\n<|start_header_id|>user: Hi<|eot_id|>\n"
            "<|start_header_id|>assistant: [Hello.<|eot_id|>]\n<|start_header_id|>user: Bye?<|eot_id|>\n"
            "<|start_header_id|>assistant: [Bye.<|eot_id|>]");

  // Answers are never cut, whatever the template writes behind them; an example that leaves no room is left out.
  const std::string pair = R"({"prompt": [{"role": "user", "content": "aaaa"}], "chosen": [{"role": "assistant",
    "content": "Hello."}], "rejected": [{"role": "assistant", "content": "No."}]})";
  const ExampleSet pairs = read(llama, ExampleKind::preferences, one_line(pair) + "\n", 16, chat);
  ASSERT_EQ(pairs.examples.size(), 1u);
  EXPECT_EQ(pairs.cut, 1);
  EXPECT_TRUE(shown(llama, pairs.examples[0][0]).ends_with("[Hello.<|eot_id|>]"));
  EXPECT_TRUE(shown(llama, pairs.examples[0][1]).ends_with("[No.<|eot_id|>]"));
  const std::string pair_and_short =
      one_line(pair) + "\n" + R"({"prompt": "a", "chosen": "b", "rejected": "c"})" + "\n";
  EXPECT_EQ(read(llama, ExampleKind::preferences, pair_and_short, 5, chat).dropped, 1);
}

TEST_F(ExamplesTest, ATemplateWithoutBosGetsTheTokenizers) {
  const Tokenizer plain = tokenizer(false, true);
  const ExampleSet set = read(plain, ExampleKind::answers, one_line(kTalk), 512,
                              "{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}"
                              "{% if add_generation_prompt %}assistant: {% endif %}");
  EXPECT_EQ(shown(plain, set.examples[0][0]),
            "<s>system: Be kind.</s>user:  Hi </s>assistant: [Hello.</s>]user: Bye?</s>assistant: [Bye.</s>]");
}

// Llama 3's refuses an empty conversation, which a greeting would be the answer to.
TEST_F(ExamplesTest, AnAnswerThatCannotBeAskedForIsNotLearnt) {
  const Tokenizer plain = tokenizer(false);
  const std::string greeting =
      R"({"messages": [{"role": "assistant", "content": "Hi."}, {"role": "user", "content": "a"},
    {"role": "assistant", "content": "b"}]})";
  const ExampleSet set = read(plain, ExampleKind::answers, one_line(greeting), 512,
                              "{% if messages[0]['role'] == 'system' %}{% endif %}{% for m in messages %}{{ m.role }}: "
                              "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
  EXPECT_EQ(shown(plain, set.examples[0][0]), "assistant: Hi.</s>user: a</s>assistant: [b</s>]");
}

// As Qwen3's does with thoughts: only the last message keeps its own.
TEST_F(ExamplesTest, AnAnswerThatIsWrittenOtherwiseLaterIsNotLearnt) {
  const Tokenizer plain = tokenizer(false);
  const std::string chat =
      "{% for m in messages %}{{ m.role }}:{{ ' (so)' if loop.last and m.role == 'assistant' }} {{ m.content }}</s>"
      "{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
  const ExampleSet set = read(plain, ExampleKind::answers, one_line(kTalk), 512, chat);
  EXPECT_EQ(shown(plain, set.examples[0][0]),
            "system: Be kind.</s>user:  Hi </s>assistant: Hello.</s>user: Bye?</s>assistant:[ (so) Bye.</s>]");
}

TEST_F(ExamplesTest, TemplatesThatCannotBeLearntFrom) {
  const auto refused = [&](const char* chat, const char* part) {
    expect_refused(ExampleKind::answers, one_line(kTalk), 1, {part}, chat);
  };
  refused("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}",
          "cannot be told from its prompt");
  refused("{{ raise_exception('no system here') }}", "no system here");
}

TEST_F(ExamplesTest, PromptsAndCompletions) {
  const Tokenizer plain = tokenizer(false);
  const ExampleSet set = read(plain, ExampleKind::answers,
                              R"({"prompt": "1+1=", "completion": "2"}
{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]}
)");
  EXPECT_EQ(shown(plain, set.examples[0][0]), "1+1=[2</s>]");
  EXPECT_EQ(shown(plain, set.examples[1][0]), "user: a\nassistant: b\nuser: c\nassistant:[ d</s>]");
}

TEST_F(ExamplesTest, PreferencesShareTheirPrompt) {
  const Tokenizer plain = tokenizer(false);
  const char* const lines[] = {
      R"({"prompt": "Q", "chosen": "yes", "rejected": "no"})",
      R"({"prompt": [{"role": "user", "content": "Q"}], "chosen": [{"role": "assistant", "content": "yes"}], "rejected": [{"role": "assistant", "content": "no"}]})",
      R"({"prompt": "Q", "chosen": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "yes"}], "rejected": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "no"}]})",
      R"({"prompt": [{"role": "user", "content": "Q"}], "chosen": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "yes"}], "rejected": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "no"}]})",
      R"({"prompt": "Q", "chosen": [{"role": "assistant", "content": "yes"}], "rejected": [{"role": "assistant", "content": "no"}]})"};
  bool chat = false;
  for (const char* line : lines) {
    const ExampleSet set = read(plain, ExampleKind::preferences, line);
    ASSERT_EQ(set.examples[0].size(), 2u);
    EXPECT_EQ(shown(plain, set.examples[0][0]), chat ? "user: Q\nassistant:[ yes</s>]" : "Q[yes</s>]") << line;
    EXPECT_EQ(shown(plain, set.examples[0][1]), chat ? "user: Q\nassistant:[ no</s>]" : "Q[no</s>]") << line;
    chat = true;
  }
}

TEST_F(ExamplesTest, LongPromptsLoseTheirFront) {
  const Tokenizer plain = tokenizer(false, true);
  const std::string pair = R"({"prompt": "zqzqzqzqzq", "chosen": "xjxjx", "rejected": "q"})";
  const ExampleSet whole = read(plain, ExampleKind::preferences, pair);
  const int64_t length = whole.examples[0][0].length(), answer = whole.examples[0][0].counted_tokens();
  EXPECT_EQ(whole.cut, 0);
  const ExampleSet cut = read(plain, ExampleKind::preferences, pair, length - 3);
  EXPECT_EQ(cut.cut, 1);
  for (size_t which : {size_t{0}, size_t{1}}) {  // both lose the same three tokens behind BOS
    const AnswerRow &before = whole.examples[0][which], &after = cut.examples[0][which];
    EXPECT_EQ(after.ids.front(), 0);
    EXPECT_EQ(std::vector(after.ids.begin() + 1, after.ids.end()),
              std::vector(before.ids.begin() + 4, before.ids.end()));
    EXPECT_EQ(after.counted_tokens(), before.counted_tokens());
  }
  // BOS, one token of the prompt and the answer is the least.
  EXPECT_EQ(read(plain, ExampleKind::preferences, pair, answer + 2).examples.size(), 1u);
  EXPECT_THROW(read(plain, ExampleKind::preferences, pair, answer + 1), Error);
  const std::string short_one = R"({"prompt": "q", "chosen": "x", "rejected": "q"})";
  const ExampleSet mixed = read(plain, ExampleKind::preferences, pair + "\n" + short_one, answer + 1);
  EXPECT_EQ(mixed.dropped, 1);
  EXPECT_EQ(mixed.examples.size(), 1u);
}

TEST_F(ExamplesTest, AnAnswerWithoutItsBeginningDoesNotCount) {
  const Tokenizer plain = tokenizer(false);
  const std::string talk = one_line(kTalk);
  const AnswerRow whole = read(plain, ExampleKind::answers, talk).examples[0][0];
  const auto first = std::find(whole.counted.begin(), whole.counted.end(), 1) - whole.counted.begin();
  const AnswerRow cut = read(plain, ExampleKind::answers, talk, whole.length() - first - 1).examples[0][0];
  EXPECT_EQ(shown(plain, cut).find('['), shown(plain, cut).find("[ Bye.</s>]"));
}

TEST_F(ExamplesTest, ErrorsNameLineAndKey) {
  const auto answers = ExampleKind::answers, preferences = ExampleKind::preferences;
  expect_error(answers, R"({"text": "x"})", {"\"messages\"", "\"text\""});
  expect_error(answers, R"({"prompt": "a", "chosen": "b", "rejected": "c"})", {"--method dpo"});
  expect_error(answers, R"({"prompt": "a", "completion": 3})", {"\"completion\"", "a string", "3"});
  expect_error(answers, R"({"messages": []})", {"\"messages\"", "a list of messages", "[]"});
  expect_error(answers, R"({"messages": [3]})", {"messages[0]", "found 3"});
  expect_error(answers, R"({"messages": [{"role": "user"}]})", {"messages[0]", "\"content\""});
  expect_error(answers, R"({"messages": [{"role": "user", "content": null}]})", {"\"content\"", "null"});
  expect_error(answers, R"({"messages": [{"role": "asistant", "content": "a"}]})", {"\"role\"", "asistant"});
  expect_error(answers, R"({"messages": [{"role": "user", "content": "a"}]})", {"an answer of the assistant"});
  expect_error(answers, "[1]", {"a JSON object"});
  expect_error(answers, "{", {"expected JSON"});
  expect_error(preferences, R"({"messages": []})", {"\"chosen\"", "--method sft"});
  expect_error(preferences, R"({"chosen": "a", "rejected": "b"})", {"\"prompt\""});
  expect_error(preferences, R"({"prompt": "a", "chosen": [{"role": "assistant", "content": "a"}], "rejected": "b"})",
               {"\"rejected\"", "a list of messages"});
  expect_error(
      preferences,
      R"({"prompt": "a", "chosen": [{"role": "user", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}]})",
      {"\"chosen\"", "one message of the assistant", "role user"});
}

TEST_F(ExamplesTest, FilesWithoutExamplesAreErrors) {
  const Tokenizer plain = tokenizer(false);
  EXPECT_THROW(read(plain, ExampleKind::answers, "\n\n"), Error);
  folder.put("data.txt", "text");
  EXPECT_THROW(read_examples({folder.path / "data.txt"}, ExampleKind::answers, plain, {.length = 9, .vocab = 400}),
               Error);
  folder.put("data.jsonl", R"({"prompt": "a", "completion": "b"})");
  EXPECT_THROW(read_examples({folder.path / "data.jsonl"}, ExampleKind::answers, plain, {.length = 9, .vocab = 3}),
               Error);
}

TEST_F(ExamplesTest, CountsWithoutATokenizer) {
  folder.put("a.jsonl", "{\"x\": 1}\n\n{\"x\": 2}\n");
  folder.put("b.jsonl", "{\"x\": 3}");
  const ExampleCount found = count_examples({folder.path / "a.jsonl", folder.path / "b.jsonl"});
  EXPECT_EQ(found.examples, 3);
  EXPECT_EQ(found.tokens, (9 + 1 + 9 + 8) / 4);
  EXPECT_EQ(count_examples({folder.path / "a.jsonl", folder.path / "not there.jsonl"}).examples, 0);
}

}  // namespace
}  // namespace zebra
