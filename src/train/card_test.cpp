#include "train/card.h"

#include <gtest/gtest.h>

#include "io/card.h"
#include "support/scratch.h"

namespace zebra {
namespace {

TEST(Card, TellsWhatCameBefore) {
  const ScratchFolder folder;
  const RunSummary first{.title = "student", .origin = "Made of nothing.", .command = "zebra convert # twice"};
  folder.put("README.md", model_card(first));
  RunSummary second = first;
  second.title = "distilled", second.command = "zebra distill", second.before = folder.path;
  const std::string card = model_card(second);
  EXPECT_TRUE(card.starts_with("# distilled\n"));
  for (const char* part :
       {"\n## How it was made\n", "\n## student\n", "\n### How it was made\n", "\nzebra convert # twice\n"}) {
    EXPECT_NE(card.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(card.find("report.html"), card.rfind("report.html"));  // that of this folder
  // And so on: three stages, three levels.
  folder.put("README.md", card);
  EXPECT_NE(earlier_card(folder.path).find("\n#### How it was made\n"), std::string::npos);
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
