"""Everything that trains or measures, on CUDA: the same figures as on the CPU, and the same bits when done again.

Skipped without a CUDA device. ZEBRA_TEST_DEVICE=cpu runs the CPU against itself, which only tests this file.
"""

import json
import os
import random
import subprocess
import sys
import unittest

import tiny
from program import PROGRAM, ProgramTest, read

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
STEPS = 6
TRAINING = ["--tokens", 256 * STEPS, "--batch-tokens", 256, "--length", 32, "--lr", 2e-3, "--threads", 1]
HYBRID = ["--mla-layers", "1", "--rest", "mamba2", "--kv-rank", "8", "--rope-dim", "4"]


def device():
    """Where the tests run, or nothing."""
    if "ZEBRA_TEST_DEVICE" in os.environ:
        return os.environ["ZEBRA_TEST_DEVICE"]
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return "cuda" if "CUDA yes" in version and os.path.exists("/dev/nvidia0") else None


@unittest.skipUnless(device(), "no CUDA device")
class CudaTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rng = random.Random(3)
        cls.text = os.path.join(cls.shared, "text.jsonl")
        tiny.put(cls.text, "".join(json.dumps({"text": cls.words(9)}) + "\n" for _ in range(200)))
        cls.student = os.path.join(cls.shared, "student")
        subprocess.run([PROGRAM, "convert", cls.model, "--out", cls.student, *HYBRID], check=True, capture_output=True)

    @classmethod
    def words(cls, count):
        return " ".join(cls.rng.choice(["the", "quick", "brown", "fox", "jumps"]) for _ in range(count))

    def metrics(self, out):
        lines = [json.loads(line) for line in read(out + ".run", "metrics.jsonl").splitlines()]
        return [{key: value for key, value in line.items() if key != "tokens_per_second"} for line in lines]

    def same_everywhere(self, *command, outs=("out",), tolerance=2e-3):
        """Runs a training on the CPU and twice on the device; `command` has OUT where outputs go."""
        found = []
        for name, where in (("cpu", "cpu"), ("first", device()), ("again", device())):
            folders = [self.path(f"{name}_{out}") for out in outs]
            words = [",".join(folders) if word == "OUT" else str(word) for word in command]
            self.zebra(*words, "--device", where)
            found.append([(self.metrics(folder), read(folder, "model.safetensors")) for folder in folders])
        for cpu, first, again in zip(*found):
            self.assertEqual(first[0], again[0], "the device repeats itself")
            self.assertTrue(first[1] == again[1], "the device repeats itself to the last bit of the weights")
            self.assertGreaterEqual(len(first[0]), STEPS)
            for here, there in zip(cpu[0], first[0]):
                self.assertAlmostEqual(here["loss"], there["loss"], delta=tolerance * abs(here["loss"]) + 1e-5)

    def distill(self, *more, student=None, **options):
        self.same_everywhere("distill", "--teacher", self.model, "--student", student or self.student, "--out", "OUT",
                             "--data", self.text, *TRAINING, *more, **options)  # fmt: skip

    def test_pretrain(self):
        recipe = {"tokenizer": self.model, "data": [self.text], "model": {"hidden": 32, "layers": 2, "heads": 4,
                  "kv_heads": 2}, "train": {"tokens": 256 * STEPS, "length": 32, "batch_tokens": 256, "lr": 1e-2}}  # fmt: skip
        tiny.put(self.path("recipe.json"), json.dumps(recipe))
        losses = []
        for name, where in (("cpu", "cpu"), ("first", device()), ("again", device())):
            self.zebra("pretrain", self.path("recipe.json"), "--out", self.path(name), "--set", f"train.device={where}")
            losses.append([line["loss"] for line in self.metrics(self.path(name))])
        self.assertEqual(losses[1], losses[2])
        for here, there in zip(losses[0], losses[1]):
            self.assertAlmostEqual(here, there, delta=2e-3 * here)

    def test_distill(self):
        for optimizer in ("soap", "adamw", "muon"):
            with self.subTest(optimizer):
                self.distill("--optimizer", optimizer, "--overwrite")

    def test_distill_in_bf16(self):
        self.distill("--dtype", "bf16", tolerance=5e-2)

    def test_heads_of_any_width(self):
        # The values of a reference student lie behind head_dim - rope_dim numbers of its keys: not at whole 16 bytes.
        student = self.path("student")
        self.zebra("convert", self.model, "--out", student, "--init", "reference", "--mla-layers", "all", "--kv-rank", 8,
                   "--rope-dim", 6)  # fmt: skip
        self.distill("--dtype", "bf16", student=student, tolerance=5e-2)

    def test_divergences(self):
        for name in ("reverse-kl", "jsd", "topk", "sampled"):
            with self.subTest(name):
                self.distill("--divergence", name, "--overwrite", "--ce-weight", 0.1)

    def test_teacher_cache(self):
        for name in ("topk", "sampled"):
            with self.subTest(name):
                outs = [self.path(f"{name}_{run}") for run in ("made", "read")]
                for out in outs:
                    self.zebra("distill", "--teacher", self.model, "--student", self.student, "--out", out, "--data",
                               self.text, *TRAINING, "--divergence", name, "--teacher-cache", self.path(name + "_cache"),
                               "--device", device())  # fmt: skip
                self.assertEqual(self.metrics(outs[0]), self.metrics(outs[1]))

    def test_rows(self):
        self.distill("--lengths", "16:0.5,32:0.5", "--documents-apart", "true")

    def test_checkpointing(self):
        self.distill("--checkpointing", "true")

    def test_on_policy(self):
        # The student's own text differs where rounding turns a choice, so only that it runs and repeats itself.
        self.distill("--on-policy", 0.5, "--divergence", "reverse-kl", tolerance=10)

    def test_layers_of_two_students(self):
        mamba2 = self.path("mamba2")
        self.zebra("convert", self.model, "--out", mamba2, "--mla-layers", "none", "--rest", "mamba2")
        for match in ("mixer", "matrix"):
            with self.subTest(match):
                self.same_everywhere("distill", "--teacher", self.model, "--student", f"{self.student},{mamba2}",
                                     "--out", "OUT", "--data", self.text, *TRAINING, "--loss", "layers",
                                     "--layer-match", match, outs=("a" + match, "b" + match))  # fmt: skip

    def test_align(self):
        pairs = [{"prompt": self.words(3), "chosen": " " + self.words(4), "rejected": " no"} for _ in range(48)]
        tiny.put(self.path("pairs.jsonl"), "".join(json.dumps(pair) + "\n" for pair in pairs))
        talks = [{"prompt": pair["prompt"], "completion": pair["chosen"]} for pair in pairs]
        tiny.put(self.path("talks.jsonl"), "".join(json.dumps(talk) + "\n" for talk in talks))
        for method, data in (("sft", "talks"), ("dpo", "pairs")):
            with self.subTest(method):
                self.same_everywhere("align", "--method", method, "--model", self.student, "--out", "OUT", "--data",
                                     self.path(data + ".jsonl"), "--batch", 8, "--length", 64, "--threads", 1,
                                     "--overwrite")  # fmt: skip

    def test_convert_and_prune(self):
        for words in (["convert", self.model, *HYBRID], ["prune", self.model, "--hidden", 24]):
            with self.subTest(words[0]):
                ppl = []
                for where in ("cpu", device()):
                    out = self.path(f"{words[0]}_{where}")
                    self.zebra(*words, "--calibration", self.text, "--out", out, "--device", where, "--overwrite")
                    ppl.append(self.json("eval", out, "--text", self.text, "--limit", 20, "--json")["ppl"])
                self.assertAlmostEqual(ppl[0], ppl[1], delta=2e-2 * ppl[0])

    def test_select(self):
        select = ["select", self.model, "--count", 2, "--text", self.text, "--limit", 8, "--kv-rank", 8, "--rope-dim", 4]
        training = ["--tokens", 256 * 4, "--distill", "length=32,batch_tokens=256,threads=1"]
        for name, words in (("supernet", ["--score", "supernet", *training]), ("trained", ["--score", "trained", *training])):
            with self.subTest(name):
                self.zebra(*select, *words, "--out", self.path(name), "--device", device())

    def test_eval(self):
        for dtype, tolerance in (("fp32", 1e-4), ("bf16", 3e-2)):
            here, there = (self.json("eval", self.student, "--teacher", self.model, "--text", self.text, "--limit", 20,
                                     "--dtype", dtype, "--device", where, "--json") for where in ("cpu", device()))  # fmt: skip
            for key in ("ppl", "kl"):
                self.assertAlmostEqual(here[key], there[key], delta=tolerance * here[key])

    def test_tasks(self):
        data = self.path("data")
        subprocess.run([sys.executable, os.path.join(GOLDEN, "make_tasks.py"), data, "6"], check=True)
        for tasks in ("arc_easy,piqa,winogrande", "gsm8k"):
            here, there = (self.json("eval", self.student, "--tasks", tasks, "--data-dir", data, "--num-fewshot", 0,
                                     "--max-gen-toks", 8, "--device", where, "--json")["results"] for where in ("cpu", device()))  # fmt: skip
            self.assertEqual(here, there)

    def test_generate(self):
        texts = [self.json("generate", self.student, "--prompt", "the quick", "--max-tokens", 24, "--device", where,
                           "--json")["text"] for where in ("cpu", device())]  # fmt: skip
        self.assertEqual(texts[0], texts[1])
