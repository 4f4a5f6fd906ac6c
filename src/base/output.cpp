#include "base/output.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/error.h"
#include "base/written.h"

namespace zebra {

namespace {

using Identity = std::pair<dev_t, ino_t>;

Identity identity(const fs::path& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino};
}

// Of a place and of every folder above it, whatever names and links lead there.
std::vector<Identity> above(const fs::path& path) {
  std::vector<Identity> out;
  std::error_code error;
  fs::path each = fs::canonical(path, error);
  while (!error && !each.empty()) {
    out.push_back(identity(each));
    if (!each.has_relative_path()) break;
    each = each.parent_path();
  }
  return out;
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  const auto folders = above(inner);
  return std::find(folders.begin(), folders.end(), identity(outer)) != folders.end();
}

// What is read of an input: itself, and where links in its folder lead.
Inputs with_links(const fs::path& input) {
  Inputs out = {input};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(input, error)) {
    if (entry.is_symlink(error)) out.push_back(entry.path());
  }
  return out;
}

void check_apart(const fs::path& target, const Inputs& inputs) {
  const std::string advice = ": choose another --out";
  for (const fs::path& input : inputs) {
    std::error_code error;
    if (input.empty() || !fs::exists(input, error)) continue;
    if (identity(input) == identity(target)) fail_usage(target.string(), " is what the command reads", advice);
    for (const fs::path& each : with_links(input)) {
      if (lies_in(each, target)) fail_usage(target.string(), " holds ", each.string(), ", which is read", advice);
    }
    if (lies_in(target, input)) fail_usage(target.string(), " lies in ", input.string(), ", which is read", advice);
  }
  if (lies_in(".", target)) fail_usage(target.string(), " is or holds the working folder", advice);
}

// Files of lines carry no mark of ours. What does not even begin as they do is something else.
bool begins_as_json_lines(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  char begin[2] = {};
  file.read(begin, sizeof begin);
  return file.gcount() == 0 || (file.gcount() == 2 && begin[0] == '{' && begin[1] == '"');
}

void make_parent(const fs::path& target) {
  std::error_code error;
  if (target.has_parent_path()) fs::create_directories(target.parent_path(), error);
  if (error) fail(ErrorKind::disk, target.parent_path().string(), ": cannot be created: ", error.message());
}

fs::path usable(const fs::path& target) {
  if (target.empty()) fail_usage("--out: expected a path, found an empty one");
  const fs::path out = plain_path(target);
  make_parent(out);
  return out;
}

}  // namespace

OutputPlace::OutputPlace(const fs::path& target, Kind kind, bool overwrite, Inputs inputs)
    : target_(usable(target)), kind_(kind), overwrite_(overwrite), inputs_(std::move(inputs)) {
  check();  // before a lock stands beside what is none of ours
  lock_.emplace(target_);
  if (kind_ == Kind::folder) recover_replaced(target_);
  check();
}

void OutputPlace::check() const {
  struct stat info;
  if (::lstat(target_.c_str(), &info) != 0) {
    if (errno == ENOENT) return;
    fail(ErrorKind::disk, target_.string(), ": cannot be looked at: ", std::strerror(errno));
  }
  const std::string path = target_.string();
  const bool folder = kind_ == Kind::folder;
  if (S_ISLNK(info.st_mode)) {
    fail_usage(path, " is a symbolic link, which is never replaced: give the path that it leads to");
  }
  if (folder ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode)) {
    fail_usage(path, " exists and is no ", folder ? "folder" : "regular file", ": choose another --out");
  }
  if (!overwrite_) fail_usage(path, " exists already: pass --overwrite to replace it, or choose another --out");
  check_apart(target_, inputs_);
  const std::string advice = ": --overwrite replaces only what zebra wrote; move it away, or choose another --out";
  if (folder) {
    const std::string foreign = foreign_part(target_);
    if (!foreign.empty()) fail_usage(path, ": ", foreign, advice);
  } else if (!begins_as_json_lines(target_)) {
    fail_usage(path, ": expected JSON lines, found another file", advice);
  }
}

OutputFile::OutputFile(const fs::path& target, bool overwrite, Inputs inputs)
    : place_(target, OutputPlace::Kind::json_lines, overwrite, std::move(inputs)), file_(place_.target()) {}

void OutputFile::commit() {
  place_.check();
  file_.commit();
}

OutputFolder::OutputFolder(const fs::path& target, bool overwrite, Inputs inputs)
    : place_(target, OutputPlace::Kind::folder, overwrite, std::move(inputs)), folder_(place_.target()) {}

void OutputFolder::commit() {
  list_files(folder_.path());
  place_.check();
  folder_.commit();
}

}  // namespace zebra
