"""The command line itself: help, version, and what a typing error gets."""

import os
import re

import flags
import tiny
from program import ProgramTest, read


class UsageTest(ProgramTest):
    def test_every_verb_has_help(self):
        verbs = re.findall(r"(?m)^(?:[a-z]+(?: [a-z]+)*)? +([a-z]+)  ", self.zebra("--help").stdout)
        source = os.path.join(os.path.dirname(__file__), "..", "..", "src", "cli", "main.cpp")
        self.assertEqual(sorted(verbs), sorted(re.findall(r"add_([a-z]+)\(app\)", read(source).decode())))
        for words in [*([verb] for verb in verbs), ["bench", "init"], ["tokenizer", "train"]]:
            # The long form is what the list of flags is read off.
            self.assertIn("zebra " + " ".join(words), self.zebra(*words, "-h").stdout)
        self.assertIn("--mla-layers", self.zebra("convert", "-h").stdout)

    def test_flags_are_those_of_the_list(self):
        wanted = read(os.path.dirname(__file__), "flags.txt").decode().splitlines()
        self.maxDiff = None
        self.assertEqual(flags.lines(), wanted, "if that is meant: python3 tests/e2e/flags.py > tests/e2e/flags.txt")

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
        self.refused("distil", "--help", code=2, says=["unknown verb distil", "did you mean distill?"])
        self.refused("train", "-h", code=2, says=["did you mean distill?"])
        self.refused("chat", self.model, code=2, says=["did you mean generate?"])
        self.refused("recipes", "lst", code=2, says=["recipes: unknown verb lst", "did you mean list?", "zebra recipes --help"])
        self.refused("tokenizer", "trian", "--help", code=2, says=["did you mean train?"])
        self.refused("bench", "everything", code=2, says=["bench: unknown verb everything", "expected init"])

    def test_unknown_flag(self):
        self.refused("eval", self.model, "--txt", "a", code=2, says=["--txt", "did you mean --text?", "zebra eval --help"])
        self.refused("convert", self.model, "--out=x", "--mla-layer=1", code=2, says=["did you mean --mla-layers?"])

    def test_numbers_out_of_range_are_said_shortly(self):
        error = self.refused("generate", self.model, "--prompt", "a", "--max-tokens", 0, code=2, says=["--max-tokens", "above 0", "found 0"])
        self.assertLess(len(error), 120)
        for flags in (["--top-p", "1.5"], ["--temperature", "-1"], ["--top-k", "-2"], ["--threads", "-1"], ["--max-tokens", "-5"]):
            error = self.refused("generate", self.model, "--prompt", "a", *flags, code=2, says=[flags[0], flags[1], "expected"])
            self.assertLess(len(error), 120)

    def test_words_of_other_programs(self):
        """dtype and device as transformers, lm-eval and torch call them."""
        command = ["generate", self.model, "--prompt", "ab", "--max-tokens", 4, "--json"]
        for dtype, words in {"fp32": ("float32", "auto"), "bf16": ("bfloat16", "torch.bfloat16")}.items():
            wanted = self.json(*command, "--dtype", dtype)["ids"]
            for word in words:
                self.assertEqual(self.json(*command, "--dtype", word, "--device", "cpu")["ids"], wanted)
        self.json(*command, "--device", "auto")
        self.refused(*command, "--dtype", "float16", code=2, says=["float16", "bf16"])
        self.refused(*command, "--dtype", "int8", code=2, says=["int8", "expected fp32, bf16 or auto"])
        self.refused(*command, "--device", "cuda:1", code=2, says=["CUDA_VISIBLE_DEVICES=1"])
        self.refused(*command, "--device", "tpu", code=2, says=["tpu", "expected cpu, cuda or auto"])
        distill = ["distill", "--teacher", self.model, "--student", self.model, "--out", self.path("out"), "--tokens", 64]
        self.refused(*distill, "--device", "cuda:1", code=2, says=["CUDA_VISIBLE_DEVICES=1"])
        self.refused(*distill, "--dtype", "fp16", code=2, says=["fp16", "bf16"])

    def test_what_is_no_model_folder(self):
        for path, says in {
            "meta-llama/Llama-3.2-1B": ["Hugging Face hub", "hf download"],
            os.path.join(self.model, "tokenizer.json"): ["one file of it", self.model],
        }.items():
            for command in (["inspect", path], ["generate", path, "--prompt", "a"], ["eval", path, "--text", "x"],
                            ["convert", path, "--out", self.path("out")]):  # fmt: skip
                self.refused(*command, code=3, says=says)
        gguf = self.path("model.gguf")
        tiny.put(gguf, b"GGUF\x03\x00\x00\x00")
        self.refused("inspect", gguf, code=3, says=["GGUF", "folder of safetensors"])
        lora = self.copy_model("lora")
        os.remove(os.path.join(lora, "config.json"))
        tiny.put(os.path.join(lora, "adapter_config.json"), "{}")
        for command in (["inspect", lora], ["generate", lora, "--prompt", "a"]):
            self.refused(*command, code=3, says=["LoRA", "merge_and_unload"])

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
