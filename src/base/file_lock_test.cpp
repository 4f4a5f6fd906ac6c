#include "base/file_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/error.h"
#include "support/scratch.h"

namespace zebra {
namespace {

TEST(FileLock, OneHolderAtATime) {
  const ScratchFolder folder;
  const fs::path file = folder.path / "lock";
  {
    const FileLock lock(file, "the folder");
    try {
      const FileLock second(file, "the folder", 0);
      ADD_FAILURE() << "two holders";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_NE(std::string(error.what()).find("the folder is in use"), std::string::npos);
    }
  }
  const FileLock again(file, "the folder", 0);
}

TEST(FileLock, LivesAsLongAsAProcessThatTheHolderStarted) {
  const ScratchFolder folder;
  const fs::path file = folder.path / "lock";
  pid_t child = 0;
  {
    // The holder goes without unlocking by hand, as a killed one does; the child has the lock still.
    const FileLock lock(file, "the folder");
    child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
  }
  ASSERT_GT(child, 0);
  EXPECT_THROW(FileLock(file, "the folder", 0), Error);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const FileLock again(file, "the folder", 0);
}

TEST(WriterLock, EndsWithItsProcessThoughAChildLives) {
  const ScratchFolder folder;
  const fs::path out = folder.path / "out";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const WriterLock lock(out);
    const pid_t child = fork();
    if (child == 0) execlp("sleep", "sleep", "60", nullptr);
    usleep(100000);  // until the child is another program
    (void)!write(ends[1], &child, sizeof child);
    pause();
    _exit(0);
  }
  pid_t child = 0;
  ASSERT_EQ(read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  EXPECT_THROW(WriterLock{out}, Error);
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  EXPECT_TRUE(fs::exists(folder.path / "out.zebra-lock"));
  { const WriterLock again(out); }
  EXPECT_FALSE(fs::exists(folder.path / "out.zebra-lock"));
  kill(child, SIGKILL);
  close(ends[0]), close(ends[1]);
}

TEST(FileLock, NeedsAFolder) {
  const ScratchFolder folder;
  EXPECT_THROW(FileLock(folder.path / "missing" / "lock", "it", 0), Error);
}

}  // namespace
}  // namespace zebra
