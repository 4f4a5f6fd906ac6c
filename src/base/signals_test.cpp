#include "base/signals.h"

#include <gtest/gtest.h>

#include <csignal>

#include "base/error.h"

namespace zebra {
namespace {

TEST(Signals, AreNotedWhileAGuardLives) {
  for (const int signal : {SIGINT, SIGTERM}) {
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
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
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
}

}  // namespace
}  // namespace zebra
