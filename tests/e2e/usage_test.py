"""The command line itself: help, version, and what a typing error gets."""

import os
import re

from program import ProgramTest


class UsageTest(ProgramTest):
    def test_every_verb_has_help(self):
        verbs = re.findall(r"(?m)^  ([a-z]+) ", self.zebra("--help").stdout.split("Subcommands:")[1])
        self.assertGreater(len(verbs), 12)
        for words in [*([verb] for verb in verbs + ["world", "tokenizer", "sample"]), ["bench", "init"], ["tokenizer", "train"]]:
            for flag in ("--help", "-h"):
                self.assertIn("zebra " + " ".join(words), self.zebra(*words, flag).stdout)
        self.assertIn("--mla-layers", self.zebra("convert", "-h").stdout)

    def test_first_help_screen_fits(self):
        help = self.zebra("--help").stdout
        self.assertLessEqual(len(help.splitlines()), 25)
        for verb in ("convert", "distill", "eval", "generate", "inspect", "demo"):
            self.assertIn(verb, help)
        self.assertLessEqual(max(map(len, help.splitlines())), 110)

    def test_version(self):
        lines = self.zebra("--version").stdout.splitlines()
        self.assertRegex(lines[0], r"^zebra \d+\.\d+\.\d+")
        self.assertRegex(lines[1], r"^libtorch \d+\.\d+")
        self.assertRegex(lines[2], r"^CUDA (yes|no)$")

    def test_env(self):
        env = self.json("env", "--json")
        self.assertGreaterEqual(env["cores"], 1)
        self.assertIn(env["cuda_build"], (True, False))

    def test_no_verb(self):
        self.refused(code=2, says=["no verb", "zebra --help"])

    def test_unknown_verb(self):
        self.refused("convrt", "x", code=2, says=["convrt", "did you mean convert?"])
        self.refused("frobnicate", code=2, says=["unknown verb frobnicate"])

    def test_unknown_flag(self):
        self.refused("eval", self.model, "--txt", "a", code=2, says=["--txt", "did you mean --text?", "zebra eval --help"])
        self.refused("convert", self.model, "--out=x", "--mla-layer=1", code=2, says=["did you mean --mla-layers?"])

    def test_missing_argument(self):
        self.refused("inspect", code=2, says=["inspect"])
        self.refused("generate", self.model, code=2, says=["--prompt"])

    def test_values_out_of_range(self):
        out = self.path("out")
        for flags in (
            ["--mla-layers", "9", "--kv-rank", "8", "--rope-dim", "4"],
            ["--mla-layers", "one", "--kv-rank", "8", "--rope-dim", "4"],
            ["--mla-layers", "1", "--kv-rank", "-8", "--rope-dim", "4"],
            ["--mla-layers", "1", "--kv-rank", "eight", "--rope-dim", "4"],
            ["--mla-layers", "1", "--kv-rank", "8", "--rope-dim", "5"],
            ["--init", "finest"],
            ["--mamba2-init", "constant"],
            ["--rank", "large"],
            ["--rest", "nothing"],
        ):
            with self.subTest(flags=flags):
                self.refused("convert", self.model, "--out", out, *flags, code=2)
                self.assertEqual(os.listdir(self.folder), [])

    def test_outputs_are_not_overwritten(self):
        out = self.path("out")
        os.mkdir(out)
        kept = os.path.join(out, "mine.txt")
        with open(kept, "w", encoding="utf-8") as file:
            file.write("mine")
        convert = ["convert", self.model, "--out", out, "--init", "reference", "--rest", "mamba2"]
        self.refused(*convert, code=2, says=[out, "--overwrite"])
        self.refused(
            "distill", "--teacher", self.model, "--student", self.model, "--out", out, "--data", "sample", "--tokens", 64,
            code=2, says=[out, "--overwrite"],
        )  # fmt: skip
        self.assertEqual(os.listdir(out), ["mine.txt"])
        self.refused(*convert, "--overwrite", code=2, says=["mine.txt", "not written by zebra"])
        self.assertEqual(os.listdir(out), ["mine.txt"])
        os.remove(kept)
        self.zebra(*convert, "--overwrite")
        self.assertIn("config.json", os.listdir(out))
        self.zebra(*convert, "--overwrite")
