#include "base/output.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/written.h"
#include "support/scratch.h"

namespace zebra {
namespace {

std::string refusal(const fs::path& out, const Inputs& inputs = {}, bool overwrite = true) {
  try {
    OutputFolder folder(out, overwrite, inputs);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
}

#define EXPECT_REFUSED(out, inputs, why) \
  EXPECT_NE(refusal(out, inputs).find(why), std::string::npos) << refusal(out, inputs)

void make(const fs::path& out, const std::string& text = "x") {
  OutputFolder folder(out, true);
  write_file(folder.path() / "a", text);
  fs::create_directories(folder.path() / "deep");
  write_file(folder.path() / "deep" / "b", text);
  folder.commit();
}

TEST(OutputFolder, ReplacesWhatWasWrittenAndNothingElse) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path / "out";
  EXPECT_EQ(refusal(out), "");
  make(out);
  EXPECT_NE(refusal(out, {}, false).find("exists already: pass --overwrite"), std::string::npos);
  make(out, "y");
  EXPECT_EQ(read_file(out / "deep" / "b"), "y");
  fs::create_directories(out / "empty");
  EXPECT_REFUSED(out, {}, "\"empty\" in it was not written by zebra");
  fs::remove(out / "empty");
  write_file(out / "deep" / "notes.txt", "keep");
  EXPECT_REFUSED(out, {}, "\"deep/notes.txt\" in it was not written by zebra");
  fs::remove(out / "deep" / "notes.txt");
  fs::create_symlink("a", out / "link");
  EXPECT_REFUSED(out, {}, "\"link\" in it was not");
  fs::remove(out / "link");
  write_file(out / "a", "longer");
  EXPECT_REFUSED(out, {}, "\"a\" in it was changed since");
  fs::remove(out / "a");
  EXPECT_EQ(refusal(out), "");
}

TEST(OutputFolder, TakesAnEmptyFolder) {
  const ScratchFolder scratch;
  fs::create_directories(scratch.path / "out");
  make(scratch.path / "out/");
  EXPECT_EQ(foreign_part(scratch.path / "out"), "");
}

TEST(OutputFolder, IsAPlaceOfItsOwn) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path / "out", file = scratch.path / "file", link = scratch.path / "link";
  const fs::path pipe = scratch.path / "pipe", dangling = scratch.path / "dangling";
  make(out);
  write_file(file, "keep");
  fs::create_symlink(out, link);
  fs::create_symlink("nowhere", dangling);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_REFUSED(file, {}, "is no folder");
  EXPECT_REFUSED(pipe, {}, "is no folder");
  EXPECT_REFUSED(link, {}, "is a symbolic link");
  EXPECT_REFUSED(dangling, {}, "is a symbolic link");
  EXPECT_NE(refusal(dangling, {}, false).find("is a symbolic link"), std::string::npos);
  EXPECT_NE(refusal("").find("--out"), std::string::npos);
  EXPECT_TRUE(fs::is_symlink(link) && fs::is_symlink(dangling) && fs::is_fifo(pipe));
}

TEST(OutputFolder, NeverTakesThePlaceOfWhatIsRead) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path / "out", other = scratch.path / "other";
  make(out);
  make(other);
  EXPECT_REFUSED(out, {out}, "is what the command reads");
  EXPECT_REFUSED(out, (Inputs{"no such file", scratch.path / "." / "out"}), "is what the command reads");
  EXPECT_REFUSED(out, {out / "deep" / "b"}, "holds");
  EXPECT_REFUSED(out, {scratch.path}, "lies in");
  EXPECT_EQ(refusal(out, {other, "sample", ""}), "");
  fs::create_symlink(out, scratch.path / "link");
  EXPECT_REFUSED(out, {scratch.path / "link"}, "is what the command reads");
  EXPECT_REFUSED(out, {scratch.path / "link" / "a"}, "holds");
  // As caches of downloaded models are made.
  fs::create_symlink("../out/a", other / "weights");
  EXPECT_REFUSED(out, {other}, "holds");
}

TEST(OutputFolder, NeverTakesTheWorkingFoldersPlace) {
  const ScratchFolder scratch;
  const fs::path before = fs::current_path();
  make(scratch.path / "out");
  fs::current_path(scratch.path / "out" / "deep");
  for (const char* name : {".", "..", "../../out", "../", "../."}) EXPECT_REFUSED(name, {}, "working folder");
  EXPECT_REFUSED(scratch.path / "out", {}, "working folder");
  EXPECT_REFUSED("/", {}, "working folder");
  fs::current_path(before);
}

TEST(OutputFolder, IsCheckedAgainBeforeTheOldOneGoes) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path / "out";
  make(out);
  {
    OutputFolder folder(out, true);
    write_file(folder.path() / "a", "new");
    write_file(out / "notes.txt", "written meanwhile");
    EXPECT_THROW(folder.commit(), Error);
  }
  EXPECT_EQ(read_file(out / "a"), "x");
  EXPECT_TRUE(fs::exists(out / "notes.txt"));
}

TEST(OutputFolder, HasOneWriterAtATime) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path / "out";
  {
    OutputFolder folder(out, false);
    EXPECT_NE(refusal(out).find("in use by another run"), std::string::npos);
    EXPECT_NE(refusal(scratch.path / "out/").find("in use by another run"), std::string::npos);
    EXPECT_EQ(refusal(scratch.path / "other"), "");
  }
  EXPECT_EQ(refusal(out), "");
  EXPECT_TRUE(fs::is_empty(scratch.path));
  // A file that a killed run left is nobody's.
  write_file(out.string() + ".zebra-lock", "");
  EXPECT_EQ(refusal(out), "");
  EXPECT_TRUE(fs::is_empty(scratch.path));
}

TEST(OutputFile, ReplacesJsonLinesOnly) {
  const ScratchFolder scratch;
  const fs::path out = scratch.path / "out.jsonl";
  const auto write = [&](const Inputs& inputs = {}) {
    OutputFile file(out, true, inputs);
    file.write("{\"text\":\"a\"}\n");
    file.commit();
  };
  write();
  write();
  EXPECT_THROW(OutputFile(out, false), Error);
  EXPECT_THROW(write({scratch.path}), Error);
  for (const char* text : {"keep", "{", "{\n  \"model_type\": \"llama\"}"}) {
    fs::remove(out);
    write_file(out, text);
    EXPECT_THROW(write(), Error) << text;
    EXPECT_EQ(read_file(out), text);
  }
  EXPECT_THROW(OutputFile("/dev/null", true), Error);
  EXPECT_THROW(OutputFile(scratch.path, true), Error);
  fs::resize_file(out, 0);
  write();
}

// Folders of version 0.1, which made no lists.
TEST(Written, KnowsEarlyFolders) {
  const ScratchFolder scratch;
  const auto put = [&](const std::string& name, const std::string& text = "x") {
    fs::create_directories((scratch.path / name).parent_path());
    scratch.put(name, text);
  };
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json"}) put(name);
  EXPECT_NE(foreign_part(scratch.path), "") << "a model that was downloaded";
  put("README.md", "# A model\n\nBy somebody.\n");
  EXPECT_EQ(foreign_part(scratch.path), "\"README.md\" in it was not written by zebra");
  put("README.md", "# student\n\nConverted.\n\n## How it was made\n\n```\nzebra convert\n```\n");
  EXPECT_EQ(foreign_part(scratch.path), "");
  for (const char* name : {"report.html", "additional_chat_templates/a.jinja", "model-00001-of-00002.safetensors"})
    put(name);
  EXPECT_EQ(foreign_part(scratch.path), "");
  for (const char* name : {".gitattributes", "notes.txt", "tokenizer/x", "deep/README.md", "model-x"}) {
    put(name);
    EXPECT_EQ(foreign_part(scratch.path), cat("\"", name, "\" in it was not written by zebra"));
    fs::remove_all(scratch.path / *fs::path(name).begin());
  }
  fs::remove(scratch.path / "README.md");
  put("MLA_config.json");
  EXPECT_EQ(foreign_part(scratch.path), "") << "as zebra export writes it";
}

TEST(Written, KnowsEarlyTokenizersAndWorlds) {
  const ScratchFolder scratch;
  const auto put = [&](const std::string& name, const std::string& text) {
    fs::create_directories((scratch.path / name).parent_path());
    scratch.put(name, text);
  };
  put("tok/tokenizer.json", "{}");
  put("tok/tokenizer_config.json", "{\"bos_token\": \"<s>\"}");
  EXPECT_NE(foreign_part(scratch.path / "tok"), "") << "somebody's tokenizer";
  put("tok/tokenizer_config.json",
      "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"bos_token\": \"<s>\",\n  \"eos_token\": \"</s>\",\n"
      "  \"clean_up_tokenization_spaces\": false\n}\n");
  EXPECT_EQ(foreign_part(scratch.path / "tok"), "");
  put("world/lambada_openai/test.jsonl", "{\"text\":\"a\"}\n");
  put("world/arc_easy/test.jsonl", "{\"id\":\"1\",\"question\":\"a\"}\n");
  EXPECT_NE(foreign_part(scratch.path / "world"), "") << "public data sets";
  put("world/arc_easy/test.jsonl", "{\"question\":\"a\"}\n");
  EXPECT_EQ(foreign_part(scratch.path / "world"), "");
  put("world/arc_easy/notes.jsonl", "{}");
  EXPECT_NE(foreign_part(scratch.path / "world"), "");
}

TEST(Written, AListIsReadWithCare) {
  const ScratchFolder scratch;
  scratch.put("a", "12345");
  for (const char* list : {"", "zebra-files 2\n5 a\n", "zebra-files 1\n5\n", "zebra-files 1\n-5 a\nx a\n",
                           "zebra-files 1\n99999999999999999999 a\n"}) {
    scratch.put(".zebra-files", list);
    EXPECT_NE(foreign_part(scratch.path), "") << list;
  }
  scratch.put(".zebra-files", "zebra-files 1\n5 a\n");
  EXPECT_EQ(foreign_part(scratch.path), "");
}

}  // namespace
}  // namespace zebra
