#include "base/signals.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "support/scratch.h"

namespace zebra {
namespace {

namespace fs = std::filesystem;

TEST(Signals, AreNotedWhileAGuardLives) {
  for (const int signal : kEndingSignals) {
    const SignalGuard guard;
    EXPECT_EQ(guard.received(), 0);
    std::raise(signal);
    EXPECT_EQ(guard.received(), signal);
  }
}

TEST(SignalsDeathTest, TheSecondOneEndsTheProgram) {
  EXPECT_EXIT(
      {
        const SignalGuard guard;
        std::raise(SIGINT);
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
}

// As `timeout` does it: to the process, and at once to its group, in which it is.
TEST(Signals, TheSameOneTwiceAtOnceIsOneRequest) {
  const SignalGuard guard;
  std::raise(SIGTERM);
  std::raise(SIGTERM);
  EXPECT_EQ(guard.received(), SIGTERM);
}

TEST(SignalsDeathTest, WhatIsNotFinishedGoesWithTheProgram) {
  const ScratchFolder folder;
  for (const auto& [signal, code] : {std::pair(SIGINT, 130), std::pair(SIGTERM, 143), std::pair(SIGHUP, 129)}) {
    const fs::path half = folder.path / "half";
    EXPECT_EXIT(
        {
          end_on_signals();
          const RemovedBySignal first(folder.path / "never made");
          const RemovedBySignal second(half);
          fs::create_directories(half / "deep" / "deeper");
          for (int i = 0; i < 300; ++i) folder.put(cat("half/deep/file-", i), "x");
          folder.put("kept", "x");
          fs::create_directory_symlink(folder.path, half / "link");
          std::raise(signal);
        },
        testing::ExitedWithCode(code), "stopped by SIG.*: what was not finished is removed");
    EXPECT_FALSE(fs::exists(half));
    EXPECT_TRUE(fs::exists(folder.path / "kept"));
  }
}

TEST(SignalsDeathTest, WhatIsFinishedStays) {
  const ScratchFolder folder;
  folder.put("whole", "x");
  EXPECT_EXIT(
      {
        end_on_signals();
        { const RemovedBySignal finished(folder.path / "whole"); }
        std::raise(SIGTERM);
      },
      testing::ExitedWithCode(143), "^zebra: stopped by SIGTERM\n$");
  EXPECT_TRUE(fs::exists(folder.path / "whole"));
}

TEST(SignalsDeathTest, AnotherThreadsSignalIsTheMainThreads) {
  EXPECT_EXIT(
      {
        end_on_signals();
        const SignalsHeld held;  // inherited by the thread, which takes them again
        std::thread([] {
          sigset_t both;
          sigemptyset(&both);
          sigaddset(&both, SIGTERM);
          pthread_sigmask(SIG_UNBLOCK, &both, nullptr);
          std::raise(SIGTERM);
        }).join();
        std::fputs("held; ", stderr);
        sigset_t none;
        sigemptyset(&none);
        sigsuspend(&none);
      },
      testing::ExitedWithCode(143), "held; zebra: stopped by SIGTERM");
}

TEST(Signals, AGuardPutsBackWhatWasThere) {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  { const SignalGuard guard; }
  EXPECT_EQ(std::signal(SIGTERM, before), SIG_IGN);
}

// As nohup has it: the run outlives its terminal.
TEST(SignalsDeathTest, AnIgnoredHangUpStaysIgnored) {
  EXPECT_EXIT(
      {
        std::signal(SIGHUP, SIG_IGN);
        end_on_signals();
        std::raise(SIGHUP);
        {
          const SignalGuard guard;
          std::raise(SIGHUP);
          if (guard.received() != 0) std::_Exit(1);
        }
        std::raise(SIGHUP);
        std::_Exit(7);
      },
      testing::ExitedWithCode(7), "");
}

TEST(Signals, ExitCodesAreTheShells) {
  const auto code = [](int signal) {
    try {
      fail_signal(signal, "saved");
    } catch (const Error& error) {
      return error.exit_code();
    }
  };
  EXPECT_EQ(code(SIGINT), 130);
  EXPECT_EQ(code(SIGTERM), 143);
  EXPECT_EQ(code(SIGHUP), 129);
}

}  // namespace
}  // namespace zebra
