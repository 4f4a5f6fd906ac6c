// The program: parse, run one verb, turn errors into one sentence and an exit code.
#include <c10/util/Exception.h>

#include <cstdio>
#include <filesystem>
#include <new>

#include "base/error.h"
#include "base/printable.h"
#include "base/signals.h"
#include "base/streams.h"
#include "base/text.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "version/version.h"

namespace {

using zebra::ErrorKind;

int report(const std::string& message, ErrorKind kind) {
  std::fprintf(stderr, "zebra: %s\n", zebra::printable(message).c_str());
  return static_cast<int>(kind);
}

// Errors of torch: only the sentence, without the C++ stack.
int report(const c10::Error& error) {
  const std::string message = error.what_without_backtrace();
  const bool memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                      message.find("can't allocate memory") != std::string::npos;
  return memory ? report("out of memory: use a smaller batch or model (" + message + ")", ErrorKind::memory)
                : report(message, ErrorKind::runtime);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"zebra turns a pretrained Transformer into a hybrid with a fraction of its cache."};
  app.name("zebra");
  app.require_subcommand(1);
  app.set_version_flag("--version", [] {
    return "zebra " + zebra::program_version() + "\nlibtorch " + zebra::torch_version() + "\nCUDA " +
           (zebra::built_with_cuda() ? "yes" : "no");
  });
  using namespace zebra::cli;
  try {
    zebra::open_standard_streams();
    zebra::end_on_signals();
    add_align(app);
    add_bench(app);
    add_convert(app);
    add_demo(app);
    add_distill(app);
    add_env(app);
    add_eval(app);
    add_export(app);
    add_generate(app);
    add_inspect(app);
    add_logits(app);
    add_pretrain(app);
    add_prune(app);
    add_recipes(app);
    add_reproduce(app);
    add_sample(app);
    add_select(app);
    add_tokenize(app);
    add_tokenizer(app);
    add_upcycle(app);
    add_world(app);
    app.get_help_ptr()->group("");  // whoever reads the first screen knows it; hidden before, no verb would have it
    if (const std::string wrong = unknown_verb(app, {argv + 1, argv + argc}); !wrong.empty()) {
      return report(wrong, ErrorKind::usage);
    }
    try {
      app.parse(argc, argv);
    } catch (const CLI::CallForHelp& asked) {
      if (app.get_subcommands().empty()) {
        std::fputs(first_help(app).c_str(), stdout);
      } else {
        app.exit(asked);  // --help of a verb
      }
    } catch (const CLI::Success& asked) {  // --version
      app.exit(asked);
    }
    zebra::finish_standard_output();
    return 0;
  } catch (const CLI::ParseError& error) {
    return report(usage_message(app, error), ErrorKind::usage);
  } catch (const zebra::Error& error) {
    return report(error.what(), error.kind());
  } catch (const c10::Error& error) {
    return report(error);
  } catch (const std::bad_alloc&) {
    return report("out of memory: use a smaller batch or model", ErrorKind::memory);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(error.what(), ErrorKind::disk);
  } catch (const std::exception& error) {
    return report(error.what(), ErrorKind::runtime);
  }
}
