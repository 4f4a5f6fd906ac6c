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

TEST(FileLock, NeedsAFolder) {
  const ScratchFolder folder;
  EXPECT_THROW(FileLock(folder.path / "missing" / "lock", "it", 0), Error);
}

}  // namespace
}  // namespace zebra
