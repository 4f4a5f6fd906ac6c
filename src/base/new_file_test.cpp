#include "base/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/error.h"
#include "support/scratch.h"

namespace zebra {
namespace {

// No process has such a number.
constexpr const char* kDead = "999999999";

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

void fill(const fs::path& folder, const std::string& text) {
  fs::create_directories(folder);
  write_file(folder / "a", text);
}

TEST(NewFile, AppearsWholeOrNotAtAll) {
  const ScratchFolder folder;
  {
    NewFile file(folder.path / "f");
    file.write("half", 4);
    EXPECT_FALSE(fs::exists(folder.path / "f"));
  }
  EXPECT_EQ(names_in(folder.path), std::set<std::string>());
  write_file(folder.path / "f", "one");
  write_file(folder.path / "f", "other");
  EXPECT_EQ(read_file(folder.path / "f"), "other");
  EXPECT_EQ(names_in(folder.path), std::set<std::string>{"f"});
}

TEST(NewFile, RemovesWhatTheDeadLeftAndNothingElse) {
  const ScratchFolder folder;
  const std::string dead = cat("f.tmp-", kDead), other = cat("g.tmp-", kDead);
  for (const auto& name : {dead, other, std::string("f.tmp-x"), std::string("f.tmp-"), cat("f.tmp-", ::getppid())}) {
    folder.put(name, "x");
  }
  write_file(folder.path / "f", "one");
  EXPECT_EQ(names_in(folder.path),
            (std::set<std::string>{"f", other, "f.tmp-x", "f.tmp-", cat("f.tmp-", ::getppid())}));
}

TEST(NewFile, LeavesALockedFileOfAnotherContainerAlone) {
  const ScratchFolder folder;
  const std::string name = cat("f.tmp-", kDead);
  folder.put(name, "x");
  const int other = ::open((folder.path / name).c_str(), O_RDONLY);
  ASSERT_EQ(::flock(other, LOCK_EX), 0);
  write_file(folder.path / "f", "one");
  EXPECT_TRUE(fs::exists(folder.path / name));
  ::close(other);
  write_file(folder.path / "f", "one");
  EXPECT_FALSE(fs::exists(folder.path / name));
}

TEST(NewFolder, TakesTheOldOnesPlace) {
  const ScratchFolder folder;
  const fs::path out = folder.path / "out";
  for (const std::string text : {"one", "other"}) {
    NewFolder made(out);
    fill(made.path(), text);
    made.commit();
    EXPECT_EQ(read_file(out / "a"), text);
    EXPECT_EQ(names_in(folder.path), std::set<std::string>{"out"});
  }
  {
    NewFolder unfinished(out.string() + "/");
    fill(unfinished.path(), "half");
    EXPECT_EQ(unfinished.path().parent_path(), folder.path);
  }
  EXPECT_EQ(read_file(out / "a"), "other");
  EXPECT_EQ(names_in(folder.path), std::set<std::string>{"out"});
}

TEST(NewFolder, RemovesWhatTheDeadLeft) {
  const ScratchFolder folder;
  fill(folder.path / cat("out.building-", kDead) / "deep", "x");
  fill(folder.path / cat("output.building-", kDead), "x");
  const NewFolder made(folder.path / "out");
  EXPECT_EQ(names_in(folder.path),
            (std::set<std::string>{made.path().filename().string(), cat("output.building-", kDead)}));
}

TEST(NewFolder, AReplacedOneComesBackWhereTheNewOneIsMissing) {
  const ScratchFolder folder;
  const fs::path out = folder.path / "out", left = folder.path / cat("out.replaced-", kDead);
  fill(left, "old");
  recover_replaced(out);
  EXPECT_EQ(read_file(out / "a"), "old");
  EXPECT_FALSE(fs::exists(left));
  fill(left, "older");
  recover_replaced(out);
  EXPECT_EQ(read_file(out / "a"), "old");
  EXPECT_FALSE(fs::exists(left));
}

// Version 0.1 left both when it was killed between its two renames; a copy that somebody made stands alone.
TEST(NewFolder, AnOldOneComesBackOnlyBesideTheFolderThatWasToCome) {
  const ScratchFolder folder;
  const fs::path out = folder.path / "out", left = folder.path / "out.old-999999999";
  fill(left, "old");
  recover_replaced(out);
  EXPECT_FALSE(fs::exists(out));
  fs::create_directories(folder.path / "out.building-999999999");
  recover_replaced(out);
  EXPECT_EQ(read_file(out / "a"), "old");
  fill(left, "copy");
  recover_replaced(out);
  EXPECT_EQ(read_file(left / "a"), "copy");
}

TEST(OpenInput, WantsARegularFileAndDoesNotWait) {
  const ScratchFolder folder;
  const fs::path pipe = folder.path / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const fs::path& path : {pipe, folder.path, fs::path("/dev/null"), folder.path / "none"}) {
    try {
      read_file(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input) << path;
    }
  }
}

}  // namespace
}  // namespace zebra
