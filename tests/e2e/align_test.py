"""align on a tiny random model: SFT killed and resumed, DPO and its figures, files that are refused."""

import json
import os
import random
import signal

import tiny
from program import ProgramTest, read

STEPS = 24
TRAINING = ["--batch", 8, "--epochs", 6, "--length", 64, "--save-every", 5, "--threads", 1, "--lr", 2e-3]
NAMES = ["rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected"]


def lines(path, objects):
    tiny.put(path, "".join(json.dumps(each) + "\n" for each in objects))
    return path


def word(rng, letters):
    return "".join(rng.choice(letters) for _ in range(rng.randint(3, 9)))


class AlignTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rng = random.Random(1)
        talks = [
            {"messages": [{"role": "user", "content": word(rng, "abc")}, {"role": "assistant", "content": word(rng, "xyz")}]}
            for _ in range(32)
        ]
        pairs = [
            {"prompt": word(rng, "abcxyz"), "chosen": word(rng, "abc"), "rejected": word(rng, "xyz")} for _ in range(64)
        ]
        cls.talks = lines(os.path.join(cls.shared, "talks.jsonl"), talks)
        cls.pairs = lines(os.path.join(cls.shared, "pairs.jsonl"), pairs[:32])
        cls.held_out = lines(os.path.join(cls.shared, "held_out.jsonl"), pairs[32:])

    def align(self, method, data, out, *more):
        return ["align", "--method", method, "--model", self.model, "--data", data, "--out", out,
                *map(str, TRAINING), *map(str, more)]  # fmt: skip

    def metrics(self, out):
        """Everything but the speed, which differs from run to run."""
        found = [json.loads(line) for line in read(out + ".run", "metrics.jsonl").splitlines()]
        return [{key: value for key, value in line.items() if key != "tokens_per_second"} for line in found]

    def stop_and_resume(self, method, data, kind, code, *more):
        straight, broken = self.path("straight"), self.path("broken")
        self.zebra(*self.align(method, data, straight, *more))
        command = self.align(method, data, broken, *more)
        self.assertEqual(self.stop(command, broken, kind, STEPS // 3), code)
        self.assertFalse(os.path.exists(broken))
        self.zebra(*command)
        self.assertEqual(len(self.metrics(straight)), STEPS)
        self.assertEqual(self.metrics(broken), self.metrics(straight))
        self.assertEqual(read(broken, "model.safetensors"), read(straight, "model.safetensors"))
        self.assertEqual(sorted(os.listdir(straight)), sorted([*os.listdir(self.model), "README.md", "report.html", ".zebra-files"]))
        self.assert_events(broken)
        losses = [line["loss"] for line in self.metrics(straight)]
        self.assertLess(sum(losses[-4:]), sum(losses[:4]))

    def test_killed_sft_resumes(self):
        self.stop_and_resume("sft", self.talks, signal.SIGKILL, -signal.SIGKILL, "--micro", 4)

    def test_terminated_dpo_resumes(self):
        self.stop_and_resume("dpo", self.pairs, signal.SIGTERM, 143, "--kl-weight", 0.1)

    def test_dpo_measures(self):
        out = self.path("out")
        result = self.json(*self.align("dpo", self.pairs, out, "--eval-data", self.held_out), "--json")
        self.assertEqual(result["steps"], STEPS)
        self.assertAlmostEqual(result["first_loss"], 0.693147, places=5)
        self.assertGreater(result["held_out"]["rewards/accuracies"], 0.8)
        self.assertGreater(result["held_out"]["kl"], 0)
        for line in self.metrics(out):
            self.assertEqual([name for name in NAMES if name not in line], [])
        self.assertLessEqual(set(NAMES), self.assert_events(out))
        for name in ("README.md", "report.html"):
            self.assertIn("held out: rewards/accuracies", read(out, name).decode())
        told = self.zebra(*self.align("dpo", self.pairs, self.path("again"), "--eval-data", self.held_out)).stdout
        self.assertIn("reward accuracy", told)
        self.assertIn("KL to the reference", told)

    def test_aligned_model_is_aligned_again(self):
        sft, dpo = self.path("sft"), self.path("dpo")
        self.zebra(*self.align("sft", self.talks, sft))
        self.zebra("align", "--method", "dpo", "--model", sft, "--data", self.pairs, "--out", dpo, *map(str, TRAINING))
        self.zebra("generate", dpo, "--prompt", "a", "--max-tokens", 4)

    def test_bad_files(self):
        good = {"sft": '{"prompt": "a", "completion": "b"}\n', "dpo": '{"prompt": "a", "chosen": "b", "rejected": "c"}\n'}

        def check(method, content, says, suffix=".jsonl"):
            with self.subTest(content):
                path = self.path("bad" + suffix)
                tiny.put(path, content)
                self.refused(*self.align(method, path, self.path("out")), code=3, says=[path, *says])
                self.assertEqual(os.listdir(self.folder), ["bad" + suffix])
                os.remove(path)

        check("sft", good["sft"] + '{"text": "a"}\n', ["line 2", '"messages"', '"text"'])
        check("sft", good["sft"] + "{\n", ["line 2"])
        check("sft", good["dpo"], ["line 1", "--method dpo"])
        check("dpo", good["sft"], ["line 1", "--method sft"])
        check("dpo", good["dpo"] + '{"prompt": "a", "chosen": "b", "rejected": 3}\n', ["line 2", '"rejected"', "3"])
        check("sft", '{"messages": [{"role": "user", "content": "a"}]}\n', ["line 1", "answer"])
        check("sft", '{"messages": [{"role": "robot", "content": "a"}]}\n', ["line 1", "role", "robot"])
        check("sft", "", ["at least one example"])
        check("sft", json.dumps({"prompt": "a", "completion": "b" * 99}) + "\n", ["--length"])
        check("sft", b"\x1f\x8b\x08\0garbage", [], ".jsonl.gz")
        check("sft", "text", [".txt"], ".txt")
        self.refused(*self.align("sft", self.path("missing.jsonl"), self.path("out")), code=3, says=["missing.jsonl"])

    def test_bad_usage(self):
        def check(says, *arguments):
            self.refused("align", *arguments, code=2, says=says)

        check(["--method is missing"], "--model", self.model)
        check(["sft or dpo", "ppo"], *self.align("ppo", self.pairs, self.path("out"))[1:])
        check(["--teacher"], *self.align("dpo", self.pairs, self.path("out"), "--teacher", self.model)[1:])
        check(["--batch"], *self.align("sft", self.talks, self.path("out"), "--batsh", 3)[1:])
