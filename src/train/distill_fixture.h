#pragma once
// A teacher, a student and a text on disk, with the options of a short run between them.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <ATen/Parallel.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "train/distill.h"
#include "train/test_models.h"

namespace zebra::testing_support {

class DistillFolders : public ::testing::Test {
 public:
  // Ends `run` by a signal once the checkpoint of `step` (of one digit) is there beside `out`.
  static void stop_run(const fs::path& out, int64_t step, const std::function<void()>& run) {
    const auto before = std::signal(SIGTERM, SIG_IGN);  // should it come when the run is over
    std::atomic<bool> over = false;
    std::thread watch([&] {
      const fs::path wanted = run_folder(out) / "checkpoints" / cat("step-000000000", step);
      while (!over && !fs::exists(wanted)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ::kill(::getpid(), SIGTERM);
    });
    EXPECT_THROW(run(), Error);
    over = true;
    watch.join();
    std::signal(SIGTERM, before);
    EXPECT_FALSE(fs::exists(out));
  }

 protected:
  ScratchFolder folder;
  void SetUp() override {
    at::set_num_threads(1);
    write_model(folder.path / "teacher", teacher_config(), 1);
    write_model(folder.path / "student", student_config(), 2);
    write_text(folder.path / "text.jsonl", 20);
  }
  std::string text() const { return (folder.path / "text.jsonl").string(); }
  DistillOptions options(const std::string& data) const {
    DistillOptions out;
    out.teacher = (folder.path / "teacher").string();
    out.student = (folder.path / "student").string();
    out.out = (folder.path / "out").string();
    out.data = {data};
    out.train.length = 16, out.train.batch_tokens = 128, out.train.tokens = 128 * 30;
    out.train.lr = 1e-2, out.train.lr_inherited = 5e-3;
    return out;
  }
};

}  // namespace zebra::testing_support
