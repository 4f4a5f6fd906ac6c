"""zebra reproduce: its rows are made, measured and gone on with; its plan holds every row."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

import tiny
from program import PROGRAM, ProgramTest, read

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
KEYS = ["base", "x_ecomla_4", "x_ecomla_6_4", "x_ecomla_10_6", "x_ecomla_6_4_reference", "zebra_half",
        "zebra_half_uniform", "zebra_quarter", "zebra_quarter_uniform", "mamba_in_llama", "llamba", "transmla", "minitron"]  # fmt: skip

NINE = ["arc_challenge", "arc_easy", "hellaswag", "mmlu", "openbookqa", "piqa", "pubmedqa", "race", "winogrande"]


class ReproduceTest(ProgramTest):
    def command(self, *more, tokens=512 * 6):
        text = self.texts("text.jsonl", ["jumps over", "the lazy dog " * 9])
        choice = self.texts("choice.jsonl", ["the quick brown fox " * 5])
        return ["reproduce", "--teacher", self.model, "--text", text, "--choice-text", choice, "--tokens", str(tokens),
                "--out", self.path("out"), "--set", "length=32", "--set", "batch_tokens=512", "--set", "threads=1",
                *map(str, more)]  # fmt: skip

    def results(self):
        return json.loads(read(self.path("out"), "results.json"))

    def stages(self):
        return json.loads(read(self.path("out"), "stages.json"))["stages"]

    def test_rows_are_made_once(self):
        data = self.path("data")
        subprocess.run([sys.executable, os.path.join(GOLDEN, "make_tasks.py"), data, "12"], check=True)
        rows = ["--rows", "base,x_ecomla_6_4,zebra_half,minitron"]
        tasks = ["--tasks", "arc_easy,piqa", "--data-dir", data, "--num-fewshot", "0"]
        # Stopped while the first row trains, and gone on with.
        process = subprocess.Popen([PROGRAM, *self.command(*rows, "--set", "save_every=1")], stderr=subprocess.DEVNULL)
        metrics = self.path("out", "x_ecomla_6_4.run", "metrics.jsonl")
        while process.poll() is None and not (os.path.exists(metrics) and read(metrics).count(b"\n") > 1):
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        self.assertNotEqual(process.returncode, 0)

        found = self.json(*self.command(*rows, "--json"))
        self.assertEqual(found, self.results())
        by_row = {row["row"]: row for row in found["rows"]}
        self.assertEqual(list(by_row), ["base", "x_ecomla_6_4", "zebra_half", "minitron"])
        self.assert_page(figures=1, rows=list(by_row))
        self.assertEqual((by_row["base"]["kl"], by_row["base"]["tokens"], by_row["base"]["kv_percent"]), (0, 0, 100))
        self.assertEqual(by_row["base"]["agreement"], 1)
        self.assertAlmostEqual(by_row["x_ecomla_6_4"]["kv_percent"], 100 * 5 / 32)  # round(32 / 6.4) numbers a token
        self.assertEqual(by_row["x_ecomla_6_4"]["tokens"], 512 * 6)
        self.assertEqual(by_row["zebra_half"]["tokens"], 512 * (2 * 2 + 5))  # whole steps: two students' layers, the end
        self.assertAlmostEqual(by_row["zebra_half"]["kv_percent"], 100 * 8 / 32 / 2)
        self.assertEqual(by_row["base"]["context_percent"], 100)
        self.assertGreater(by_row["zebra_half"]["context_percent"], by_row["zebra_half"]["kv_percent"])  # its states
        self.assertLess(by_row["minitron"]["parameters"], by_row["base"]["parameters"])
        metrics = [json.loads(line) for line in read(metrics).splitlines()]
        self.assertEqual(by_row["x_ecomla_6_4"]["learning"], [[line["tokens"], line["loss"]] for line in metrics])
        for row in by_row.values():
            self.assertEqual(row["kl"] > 0, row["row"] != "base")

        # What is there is not made again; what is new is added.
        before = self.stages()
        more = self.json(*self.command(*rows, *tasks, "--json"))["rows"]
        after = self.stages()
        self.assertEqual(before, {name: after[name] for name in before})
        for row, old in zip(more, found["rows"]):
            self.assertEqual(old, {key: row[key] for key in old})
            self.assert_scores(row, ["arc_easy", "piqa"], ["0"])
            self.assertNotIn("recall", row)
        self.assert_page(figures=2, rows=list(by_row))  # with the mean of the tasks
        verdicts = {claim["claim"]: claim["verdict"] for claim in self.results()["claims"]}
        self.assertIn("not measured", verdicts.values())
        self.assertNotEqual(verdicts["A cache about 6 times smaller keeps the average"], "not measured")
        table = self.zebra(*self.command(*rows, *tasks)).stdout
        self.assertRegex(table, r"(?m)^ *row +parameters +KV % +with states .* arc_easy +piqa +mean 0-shot$")
        self.assertRegex(table, r"(?m)^base +teacher .* 100.00 +0 +0.0000 ")
        says = ["x_ecomla_6_4", "tokens"]
        self.refused(*self.command(*rows, tokens=512 * 7), code=2, says=says)

    def test_seeds(self):
        """Each seed is a run of its own in a folder of its own; the table has their means."""
        rows = ["--rows", "base,x_ecomla_6_4", "--json"]
        mean = self.json(*self.command(*rows, "--seeds", 2, "--seed", 5))
        self.assertEqual(mean["seeds"], [5, 6])
        self.assert_page(figures=1, rows=["base", "x_ecomla_6_4"])
        row = mean["rows"][1]
        self.assertEqual([each["seed"] for each in row["by_seed"]], [5, 6])
        first, second = (each["kl"] for each in row["by_seed"])
        self.assertNotEqual(first, second)
        self.assertAlmostEqual(row["kl"], (first + second) / 2)
        alone = self.command(*rows, "--seed", 6)
        alone[alone.index("--out") + 1] = self.path("alone")
        self.assertEqual(self.json(*alone)["rows"][1]["kl"], second)
        self.assertTrue(os.path.exists(self.path("out", "seed-6", "stages.json")))
        # What one seed has made is there for more of them.
        self.assertIn("Means of 2 seeds.", self.zebra(*self.command(*rows[:2], "--seeds", 2, "--seed", 5)).stdout)
        self.assertEqual(self.json(*self.command(*rows, "--seed", 5))["rows"][1]["kl"], first)
        plan = self.json(*self.command(*rows, "--seeds", 2, "--seed", 5, "--dry-run"))
        self.assertEqual(plan["seeds"], 2)

    def assert_scores(self, row, tasks, shots):
        """Every task after every number of examples, and averages that weigh the tasks alike."""
        self.assertEqual(list(row["tasks"]), shots)
        for count in shots:
            scores = row["tasks"][count]
            self.assertEqual(list(scores), tasks)
            mean = sum(score["score"] for score in scores.values()) / len(tasks)
            error = math.sqrt(sum(score["stderr"] ** 2 for score in scores.values())) / len(tasks)
            self.assertAlmostEqual(row["averages"][count]["score"], mean)
            self.assertAlmostEqual(row["averages"][count]["stderr"], error)

    def assert_page(self, figures, rows):
        """report.html is one well-formed file that needs no other, with every row and a verdict on every claim."""
        page = read(self.path("out"), "report.html").decode()
        tree = xml.etree.ElementTree.fromstring(page.replace("<!DOCTYPE html>", "").replace('charset="utf-8">', "/>"))
        tables = [[["".join(cell.itertext()) for cell in line] for line in table] for table in tree.iter("table")]
        self.assertEqual([line[0] for line in tables[0][1:]], rows)
        self.assertEqual(len(list(tree.iter("{http://www.w3.org/2000/svg}svg"))), figures)
        self.assertEqual(len(list(tree.iter("h3"))), 6)
        self.assertEqual(len(list(tree.iter("b"))), 6)
        for part in ("<script", "href=", "src=", "@import", "url(", "nan"):
            self.assertNotIn(part, page)

    def world_command(self, *more):
        return ["reproduce", "--teacher", self.model, "--tokens", 1024, "--out", self.path("out"), "--set", "threads=1",
                "--limit", 12, *more]  # fmt: skip

    def test_the_world_is_there_to_measure_on(self):
        command = self.world_command("--rows", "base", "--json", "--shots")
        found = self.json(*command, "0,2")
        self.assertEqual((found["tasks"], found["shots"]), (NINE, [0, 2]))
        row = found["rows"][0]
        self.assert_scores(row, NINE, ["0", "2"])
        self.assertEqual(set(row["recall"]), {"score", "stderr", "questions"})
        table = self.zebra(*self.world_command("--rows", "base", "--shots", "0,2")).stdout
        self.assertRegex(table.splitlines()[1], " winogrande +mean 0-shot +mean 2-shot +recall$")
        before = self.stages()
        self.assertEqual(before["base_shots_2"]["result"]["n-shot"]["mmlu"], 2)
        self.assertEqual(before["base_recall"]["result"]["n-samples"]["lambada_openai"], {"original": 12, "effective": 12})
        # Other numbers of examples are added, and what is there stays.
        self.assertEqual(list(self.json(*command, "1")["rows"][0]["tasks"]), ["1"])
        self.assertEqual({name: self.stages()[name] for name in before}, before)

    def test_which_tasks(self):
        def planned(*more):
            text = self.texts("text.jsonl", ["jumps over"])
            plan = self.json(
                "reproduce", "--teacher", self.model, "--dry-run", "--json", "--rows", "base", "--text", text, *more
            )
            return {stage["stage"]: stage["command"] for stage in plan["stages"]}

        self.assertEqual(list(planned()), ["base_scores"])  # a text of one's own says nothing of tasks
        some = planned("--tasks", "piqa,lambada_openai", "--limit", "7")
        self.assertEqual(list(some), ["world_tasks", "base_scores", "base_shots_0", "base_shots_5", "base_recall"])
        self.assertIn("--documents 7", some["world_tasks"])
        self.assertNotIn("--limit", some["base_recall"])
        own = planned("--tasks", "piqa,boolq", "--data-dir", "data", "--limit", "7", "--num-fewshot", "3")
        self.assertEqual(list(own), ["base_scores", "base_shots_3"])
        self.assertIn("--tasks piqa,boolq --data-dir data --num-fewshot 3 --limit 7", own["base_shots_3"])
        world = self.json(*self.world_command("--dry-run", "--json", "--rows", "base", "--tasks", "none"))["stages"]
        self.assertEqual([stage["stage"] for stage in world], ["stories", "base_scores"])
        for flags, says in (
            (["--tasks", "piqa,boolq"], ["--tasks", "--data-dir", '"boolq"']),
            (["--data-dir", "data"], ["--data-dir", "--tasks"]),
        ):
            self.refused(*self.command("--dry-run", *flags), code=2, says=says)

    def test_rows_of_the_claims(self):
        pair = {"prompt": "a", "chosen": "b", "rejected": "c"}
        tiny.put(self.path("pairs.jsonl"), (json.dumps(pair) + "\n") * 4)
        rows = ["x_ecomla_6_4_reference", "zebra_quarter_uniform", "zebra_quarter_reference", "zebra_quarter_dpo"]
        command = self.command("--rows", ",".join(rows), "--preferences", self.path("pairs.jsonl"), "--json", tokens=1024)
        found = {row["row"]: row for row in self.json(*command)["rows"]}
        self.assertEqual(list(found), rows)  # and not the rows that some of them are made from
        for row in found.values():
            self.assertEqual(len(row["mla_layers"]), 4 if row["row"].startswith("x_ecomla") else 1)
        self.assertAlmostEqual(found["x_ecomla_6_4_reference"]["kv_percent"], 100 * 10 / 32)  # ranks of 8, 16, ...
        self.assertEqual(found["zebra_quarter_uniform"]["kv_percent"], found["zebra_quarter_dpo"]["kv_percent"])
        self.assertGreater(found["zebra_quarter_reference"]["kl"], 0)
        stages = self.stages()
        self.assertEqual(stages["zebra_quarter_dpo"]["settings"]["model"], "@zebra_quarter")
        self.assertEqual(stages["hybrid_zebra_quarter_uniform"]["result"]["method"], "uniform")
        self.assertEqual(stages["hybrid_zebra_quarter"]["result"]["method"], "smart")
        for name in ("init_x_ecomla_6_4_reference", "init_mla_reference", "init_mamba2_reference"):
            self.assertEqual(stages[name]["settings"]["init"], "reference")

    def test_the_plan_holds_every_row(self):
        def rows(*more, command=None):
            plan = self.json(*(command or self.command)("--dry-run", "--json", *more))
            names = [stage["stage"] for stage in plan["stages"]]
            return [name[: -len("_scores")] for name in names if name.endswith("_scores")], names, plan

        keys, names, plan = rows()
        self.assertEqual(keys, KEYS)
        self.assertEqual(names.count("ild_mamba2"), 1)  # of both mixes and of Llamba
        self.assertFalse(os.path.exists(self.path("out")))
        self.assertIn("x_ecomla_6_4_large", rows("--large-teacher", self.model)[0])
        by_name = {stage["stage"]: stage for stage in plan["stages"]}
        self.assertAlmostEqual(by_name["mamba_in_llama"]["kv_percent"], 50)
        self.assertEqual(by_name["llamba"]["kv_percent"], 0)
        # 5 numbers a token: the rotated key may be half a head wide, 4, but no wider than the latent.
        self.assertIn("--rope-dim 2 --kv-rank 3", by_name["init_x_ecomla_6_4"]["command"])
        # The world has preferences, and a file may.
        self.assertEqual(set(rows(command=self.world_command)[0]) - set(KEYS), {"zebra_quarter_dpo"})
        everything = rows("--large-teacher", self.model, "--rows", "all", "--preferences", self.texts("pairs.jsonl", ["a"]))[0]
        large = {key + "_large" for key in KEYS if re.fullmatch("x_ecomla_[0-9_]+", key)}
        self.assertEqual(set(everything) - set(KEYS), {"zebra_quarter_dpo", "zebra_quarter_reference"} | large)
        # Claims name rows that there are.
        self.zebra(*self.world_command("--rows", "base", "--tasks", "none"))
        needed = set()
        for claim in self.results()["claims"]:
            self.assertEqual(claim["verdict"], "not measured")
            needed |= set(re.findall(r"\w+", claim["note"].replace("needs the rows", ""))) - {"and", "or"}
        self.assertGreater(len(needed), 10)
        self.assertEqual(needed - set(everything), set())

    def test_refusals(self):
        self.refused(*self.command("--dry-run", "--rows", "base,zebra"), code=2, says=["--rows", "zebra_half", '"zebra"'])
        self.refused(*self.command("--dry-run", "--rows", "zebra_quarter_dpo"), code=2, says=["--preferences"])
        self.refused(*self.command("--dry-run", tokens="many"), code=2, says=["--tokens", '"many"'])
        self.refused("reproduce", "--teacher", self.model, "--dry-run", "--text", self.texts("t.jsonl", ["a"]), code=2,
                     says=["--choice-text"])  # fmt: skip
