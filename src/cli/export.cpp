// zebra export: a student for other programs.
#include <cstdio>

#include "base/output.h"
#include "cli/verbs.h"
#include "upcycle/mla_export_amd.h"

namespace zebra::cli {

namespace {

struct Options {
  std::string folder, format, out;
  bool overwrite = false;
};

}  // namespace

void add_export(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("export", "write a student in another program's format");
  verb->add_option("dir", options->folder, "checkpoint folder")->required();
  verb->add_option("--format", options->format, "amd: what AMD's Zebra-Llama or X-EcoMLA code loads")
      ->required()
      ->check(CLI::IsMember({"amd"}));
  verb->add_option("--out", options->out, "folder to write")->required();
  verb->add_flag("--overwrite", options->overwrite, "replace --out if it exists");
  verb->callback([options] {
    OutputFolder out(options->out, options->overwrite, {options->folder});
    export_amd(options->folder, out.path());
    out.commit();
    std::printf("%s\n", options->out.c_str());
  });
}

}  // namespace zebra::cli
