#pragma once
// What a user names with --out. Refused with Error(usage), before any work and again before anything is replaced: what
// exists already without `overwrite`; with it what zebra did not write, what a command reads or what holds that, the
// working folder, links, pipes, devices; and an output that another run is writing.
#include <optional>
#include <string_view>
#include <vector>

#include "base/file_lock.h"
#include "base/new_file.h"

namespace zebra {

using Inputs = std::vector<fs::path>;  // files and folders that are read; names of nothing do no harm

// The place of an output, and the right to write there.
class OutputPlace {
 public:
  enum class Kind { folder, json_lines };
  OutputPlace(const fs::path& target, Kind kind, bool overwrite, Inputs inputs);
  void check() const;
  const fs::path& target() const { return target_; }

 private:
  fs::path target_;
  Kind kind_;
  bool overwrite_;
  Inputs inputs_;
  std::optional<WriterLock> lock_;
};

// JSON lines: write(), then commit(). Without commit nothing remains.
class OutputFile {
 public:
  OutputFile(const fs::path& target, bool overwrite, Inputs inputs = {});
  void write(std::string_view text) { file_.write(text.data(), text.size()); }
  void commit();

 private:
  OutputPlace place_;
  NewFile file_;
};

// A folder: fill path(), then commit(), which adds the list of its files. Without commit nothing remains.
class OutputFolder {
 public:
  OutputFolder(const fs::path& target, bool overwrite, Inputs inputs = {});
  const fs::path& path() const { return folder_.path(); }
  void commit();

 private:
  OutputPlace place_;
  NewFolder folder_;
};

}  // namespace zebra
