#pragma once
// Every verb of the program: one file each, listed once in main.cpp.
#include <CLI/CLI.hpp>

namespace zebra::cli {

void add_align(CLI::App& app);
void add_bench(CLI::App& app);
void add_convert(CLI::App& app);
void add_demo(CLI::App& app);
void add_distill(CLI::App& app);
void add_env(CLI::App& app);
void add_eval(CLI::App& app);
void add_export(CLI::App& app);
void add_generate(CLI::App& app);
void add_inspect(CLI::App& app);
void add_logits(CLI::App& app);
void add_pretrain(CLI::App& app);
void add_prune(CLI::App& app);
void add_recipes(CLI::App& app);
void add_reproduce(CLI::App& app);
void add_sample(CLI::App& app);
void add_select(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_tokenizer(CLI::App& app);
void add_upcycle(CLI::App& app);
void add_world(CLI::App& app);

}  // namespace zebra::cli
