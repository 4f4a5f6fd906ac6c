"""zebra demo on a tiny teacher: the steps, the table, and that its figures are what eval says."""

import os

import tiny
from program import ProgramTest

TASKS = "arc_challenge,arc_easy,hellaswag,mmlu,openbookqa,piqa,pubmedqa,race,winogrande"


class DemoTest(ProgramTest):
    def demo(self, out, *more):
        model = tiny.write_model(self.path("model"), dict(tiny.CONFIG, max_position_embeddings=640))
        done = self.zebra("demo", "--teacher", model, "--out", out, "--tokens", 2048, *more)
        rows = {}
        for line in done.stdout.splitlines():
            title, *cells = [part for part in line.split("  ") if part.strip()] or [""]
            if len(cells) == 3:
                rows[title.strip()] = [cell.strip() for cell in cells]
        return model, done.stdout, rows

    def test_with_tasks(self):
        out = self.path("out")
        model, said, rows = self.demo(out, "--tasks", "true")
        for step in range(1, 8):
            self.assertIn(f"step {step} of 7", said)
        self.assertIn("What to do next", said)
        self.assertLessEqual(float(rows["KV cache, %"][2]), 5)
        self.assertGreater(float(rows["KV cache, %"][2]), 3)
        self.assertEqual(float(rows["KL to the teacher, nats"][0]), 0)
        self.assertLess(float(rows["KL to the teacher, nats"][2]), float(rows["KL to the teacher, nats"][1]))
        for column, folder in enumerate((model, os.path.join(out, "converted"), os.path.join(out, "distilled"))):
            scores = self.json("eval", folder, "--tasks", TASKS + ",lambada_openai", "--data-dir",
                               os.path.join(out, "tasks"), "--json")["results"]  # fmt: skip
            average = sum(scores[task].get("acc_norm,none", scores[task]["acc,none"]) for task in TASKS.split(",")) / 9
            self.assertAlmostEqual(float(rows["nine tasks, average, %"][column]), 100 * average, delta=0.051)
            self.assertAlmostEqual(float(rows["recall, %"][column]), 100 * scores["lambada_openai"]["acc,none"], delta=0.051)  # fmt: skip

    def test_without_tasks(self):
        out = self.path("out")
        _, said, rows = self.demo(out)
        self.assertIn("tasks are left out", said)
        self.assertIn("step 5 of 5", said)
        self.assertNotIn("nine tasks, average, %", rows)
        self.assertLessEqual(float(rows["KV cache, %"][2]), 5)
        self.refused("demo", "--teacher", self.model, "--out", out, code=2, says=["--overwrite"])
