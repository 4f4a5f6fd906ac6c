#pragma once
// A teacher, a student and a text on disk, with the options of a short run between them.
#include <gtest/gtest.h>

#include <ATen/Parallel.h>

#include "train/distill.h"
#include "train/test_models.h"

namespace zebra::testing_support {

class DistillFolders : public ::testing::Test {
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
