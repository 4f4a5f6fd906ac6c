// The program: parse, run one verb, turn errors into one sentence and an exit code.
#include <cstdio>
#include <new>

#include "base/error.h"
#include "base/text.h"
#include "cli/verbs.h"

namespace {

// CLI11 names an unknown argument; the nearest known verb or flag is ours to add.
std::string suggestion(const CLI::App& app, const std::string& message) {
  std::vector<std::string> known;
  const CLI::App* scope = &app;
  for (const auto* verb : app.get_subcommands()) scope = verb;
  for (const auto* verb : scope->get_subcommands({})) known.push_back(verb->get_name());
  for (const auto* option : scope->get_options()) {
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const auto& word : app.remaining(true)) {
    const std::string near = zebra::nearest(word, known);
    if (!near.empty()) return message + " (did you mean " + near + "?)";
  }
  return message;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"zebra turns a pretrained Transformer into a hybrid with a fraction of its cache"};
  app.name("zebra");
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help of every verb");
  using namespace zebra::cli;
  try {
    add_tokenize(app);
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::fprintf(stderr, "zebra: %s\n", suggestion(app, error.what()).c_str());
    return static_cast<int>(zebra::ErrorKind::usage);
  } catch (const zebra::Error& error) {
    std::fprintf(stderr, "zebra: %s\n", error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "zebra: out of memory: use a smaller batch or model\n");
    return static_cast<int>(zebra::ErrorKind::memory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zebra: %s\n", error.what());
    return static_cast<int>(zebra::ErrorKind::runtime);
  }
}
