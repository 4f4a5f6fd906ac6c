#include "io/card.h"

#include <algorithm>

#include "base/error.h"

namespace zebra {

namespace {

constexpr const char* kHow = "## How it was made";
constexpr const char* kLoad = "To load it: ";
constexpr const char* kBeside = "Beside it: ";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string read_card(const fs::path& folder) {
  constexpr uintmax_t kLargest = 1 << 20;
  const fs::path file = folder / "README.md";
  std::error_code error;
  if (folder.empty() || !fs::is_regular_file(file, error) || fs::file_size(file, error) > kLargest || error) return "";
  return read_file(file);
}

// Where the YAML at the head of a card ends, in lines with both rules; 0 where it has none.
size_t front_lines(const std::vector<std::string>& lines) {
  if (lines.empty() || lines.front() != "---") return 0;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i] == "---") return i + 1;
  }
  return 0;
}

// "key: value" of the YAML as it stands; "" where it is not there.
std::string front_line(const std::vector<std::string>& lines, const std::string& key) {
  for (size_t i = 1; i < front_lines(lines); ++i) {
    if (lines[i].starts_with(key + ": ")) return lines[i] + "\n";
  }
  return "";
}

// As the hub calls it where the folder tells (its cache does), else the folder's name.
std::string model_name(const fs::path& folder) {
  std::error_code ignored;
  fs::path whole = fs::absolute(folder, ignored).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();
  const std::string start = "models--";
  for (const auto& part : whole) {
    const std::string name = part.string();
    const size_t middle = name.find("--", start.size());
    if (name.starts_with(start) && middle != std::string::npos) {
      return name.substr(start.size(), middle - start.size()) + "/" + name.substr(middle + 2);
    }
  }
  return whole.filename().string();
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

std::string front_matter(const CardHead& head) {
  const auto before = lines_of(read_card(head.made_from));
  std::string out =
      cat("---\nlibrary_name: ", head.is_hybrid ? "zebra" : "transformers", "\npipeline_tag: text-generation\n");
  // A student's base is its teacher, and so is that of what is made of the student.
  const bool ours = std::find(before.begin(), before.end(), kHow) != before.end();
  const std::string inherited = ours ? front_line(before, "base_model") : "";
  if (!inherited.empty()) {
    out += inherited;
  } else if (!head.made_from.empty()) {
    out += "base_model: " + quoted(model_name(head.made_from)) + "\n";
  }
  for (const char* key : {"license", "license_name", "license_link"}) out += front_line(before, key);
  if (!head.tags.empty()) out += "tags:\n";
  for (const auto& tag : head.tags) out += "- " + tag + "\n";
  return out + "---\n\n";
}

}  // namespace

std::string card_head(const CardHead& head) {
  const std::string how = without_machine_paths(head.how);
  const std::string load =
      head.is_hybrid
          ? cat(kLoad, "`zebra generate FOLDER --prompt TEXT`. It is not a Llama, or what else its base was: ",
                "programs that know only that cannot run it. `zebra export FOLDER --format amd --out OTHER` ",
                "writes it for AMD's.\n\n")
          : "";
  return cat(front_matter(head), "# ", head.title, "\n\n", load, without_machine_paths(head.origin), "\n\n", kHow,
             "\n\n```\n", how, how.ends_with('\n') ? "" : "\n", "```\n\n");
}

std::string earlier_card(const fs::path& folder) {
  const auto lines = lines_of(read_card(folder));
  if (std::find(lines.begin(), lines.end(), kHow) == lines.end()) return "";
  std::string out = "\n";
  bool is_code = false, skips_blank = true;
  for (size_t i = front_lines(lines); i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const bool left_out = line.starts_with(kBeside) || line.starts_with(kLoad);  // of another folder
    if (left_out || (line.empty() && skips_blank)) {
      skips_blank = true;
      continue;
    }
    skips_blank = false;
    if (line.starts_with("```")) is_code = !is_code;
    const bool is_heading = !is_code && line.starts_with("#") && !line.starts_with("######");  // the deepest there is
    out += cat(is_heading ? "#" : "", line, "\n");
  }
  return out;
}

std::string without_machine_paths(const std::string& text) {
  static const std::string kBefore = " \t\n\"'`=,(|", kEnd = " \t\n\"'`,)|<";
  std::error_code ignored;
  const std::string here = fs::current_path(ignored).string() + "/";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const bool begins = at == 0 || kBefore.find(text[at - 1]) != std::string::npos;
    const bool path = text[at] == '/' && begins && at + 1 < text.size() &&
                      kEnd.find(text[at + 1]) == std::string::npos && text[at + 1] != '/';
    if (!path) {
      out += text[at++];
      continue;
    }
    const size_t end = std::min(text.find_first_of(kEnd, at), text.size());
    std::string whole = text.substr(at, end - at);
    while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
    out += whole.starts_with(here) ? whole.substr(here.size()) : whole.substr(whole.rfind('/') + 1);
    at = end;
  }
  return out;
}

}  // namespace zebra
