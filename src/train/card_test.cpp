#include "train/card.h"

#include <gtest/gtest.h>

#include "io/card.h"
#include "support/scratch.h"
#include "train/test_models.h"

namespace zebra {
namespace {

TEST(Card, TellsWhatCameBefore) {
  const ScratchFolder folder;
  const RunSummary first{.title = "student", .origin = "Made of nothing.", .command = "zebra convert # twice"};
  folder.put("README.md", model_card(first, testing_support::student_config()));
  RunSummary second = first;
  second.title = "distilled", second.command = "zebra distill", second.before = folder.path;
  const std::string card = model_card(second, testing_support::student_config());
  EXPECT_TRUE(card.starts_with("---\nlibrary_name: zebra\n"));
  EXPECT_NE(card.find("---\n\n# distilled\n\nTo load it: `zebra generate"), std::string::npos);
  EXPECT_EQ(card.find("To load it"), card.rfind("To load it"));
  for (const char* part :
       {"\n## How it was made\n", "\n## student\n", "\n### How it was made\n", "\nzebra convert # twice\n"}) {
    EXPECT_NE(card.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(card.find("report.html"), card.rfind("report.html"));  // that of this folder
  // And so on: three stages, three levels.
  folder.put("README.md", card);
  EXPECT_NE(earlier_card(folder.path).find("\n#### How it was made\n"), std::string::npos);
}

// Blank lines part paragraphs, tables and code: a card that is quoted keeps them.
TEST(Card, KeepsBlankLines) {
  const ScratchFolder folder;
  const std::string body = "# a\n\nOne.\n\n## How it was made\n\n```\nx\n\ny\n```\n\n| a |\n|---|\n\nTwo.\n";
  folder.put("README.md", body);
  EXPECT_EQ(earlier_card(folder.path),
            "\n## a\n\nOne.\n\n### How it was made\n\n```\nx\n\ny\n```\n\n| a |\n|---|\n\nTwo.\n");
}

TEST(Card, TheHubReadsBaseAndLicence) {
  const ScratchFolder teacher, student;
  teacher.put("README.md", "---\nlanguage: en\nlicense: llama3.2\nlicense_link: LICENSE.txt\ntags:\n- x\n---\n\n# T\n");
  const CardHead first{.title = "S",
                       .origin = "O.",
                       .how = "zebra",
                       .made_from = teacher.path,
                       .is_hybrid = true,
                       .tags = {"mla", "mamba2"}};
  const std::string card = card_head(first);
  EXPECT_TRUE(card.starts_with(
      "---\nlibrary_name: zebra\npipeline_tag: text-generation\nbase_model: \"" + teacher.path.filename().string() +
      "\"\nlicense: llama3.2\nlicense_link: LICENSE.txt\ntags:\n- mla\n- mamba2\n---\n\n# S\n"))
      << card;
  // What is made of the student has the same base.
  student.put("README.md", card);
  const std::string second = card_head({.title = "D", .origin = "O.", .how = "zebra", .made_from = student.path});
  EXPECT_NE(second.find("base_model: \"" + teacher.path.filename().string() + "\"\nlicense: llama3.2\n"),
            std::string::npos);
  EXPECT_NE(second.find("library_name: transformers\n"), std::string::npos);
  EXPECT_EQ(second.find("To load it"), std::string::npos);
  EXPECT_EQ(earlier_card(student.path).find("license"), std::string::npos);
  // The hub's cache tells the name.
  EXPECT_NE(card_head({.made_from = "/x/hub/models--meta-llama--Llama-3.2-1B/snapshots/00ff/"})
                .find("base_model: \"meta-llama/Llama-3.2-1B\"\n"),
            std::string::npos);
  EXPECT_EQ(card_head({}).find("base_model"), std::string::npos);
}

TEST(Card, NamesNoPathOfTheMachine) {
  const std::string here = fs::current_path().string();
  EXPECT_EQ(without_machine_paths("zebra convert /home/me/models/T --out '/data/my out/S/' --x=/a/b,/c/d 1/2 tokens/s"),
            "zebra convert T --out 'my out/S/' --x=b,d 1/2 tokens/s");
  EXPECT_EQ(without_machine_paths("of `" + here + "/out/T` and `../T`."), "of `out/T` and `../T`.");
  EXPECT_EQ(without_machine_paths(R"({"teacher":"/models/T/","link":"https://x.org/a"})"),
            R"({"teacher":"T","link":"https://x.org/a"})");
  EXPECT_EQ(without_machine_paths("a / b // /"), "a / b // /");
}

TEST(Card, LeavesOutWhatOthersWrote) {
  const ScratchFolder folder;
  EXPECT_EQ(earlier_card(folder.path), "");
  EXPECT_EQ(earlier_card(""), "");
  folder.put("README.md", "# Llama\n\nA licence.\n");
  EXPECT_EQ(earlier_card(folder.path), "");
}

}  // namespace
}  // namespace zebra
