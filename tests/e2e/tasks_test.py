"""Benchmarks on generated documents: the numbers that lm-evaluation-harness gave for the same model and documents
(tests/golden/tasks/harness.json, made by tests/oracle/harness_parity.py), and what is refused."""

import hashlib
import json
import math
import os
import shutil
import subprocess
import sys

import tiny
from program import ProgramTest, read

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "..", "golden")


class TasksTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.long = tiny.write_model(os.path.join(cls.shared, "long"), dict(tiny.CONFIG, max_position_embeddings=640))
        tiny.put(os.path.join(cls.long, "chat_template.jinja"), tiny.CHAT_TEMPLATE)
        cls.data = os.path.join(cls.shared, "data")
        subprocess.run([sys.executable, os.path.join(GOLDEN, "make_tasks.py"), cls.data, "12"], check=True)

    def eval(self, *more, tasks, data=None, model=None):
        return ["eval", model or self.long, "--tasks", tasks, "--data-dir", data or self.data, "--json", *map(str, more)]

    def compare(self, label, shots, *flags):
        with open(os.path.join(GOLDEN, "tasks", "harness.json"), encoding="utf-8") as file:
            golden = json.load(file)[label]
        out = self.path(label.replace(" ", "-"))
        ours = self.json(*self.eval("--num-fewshot", shots, "--output", out, "--log-samples", "--bootstrap-iters", 2000,
                                    "--max-gen-toks", 24, *flags, tasks=",".join(golden["results"])))  # fmt: skip
        samples = {}
        for place, _, files in os.walk(out):
            for name in files:
                if name.startswith("samples_"):
                    with open(os.path.join(place, name), encoding="utf-8") as lines:
                        samples[name[len("samples_") :].rsplit("_", 1)[0]] = [json.loads(line) for line in lines]
        for task, metrics in golden["results"].items():
            for name, value in metrics.items():
                mine = ours["results"][task][name]
                if isinstance(value, str):
                    self.assertEqual(mine, value, f"{task} {name}")
                else:
                    loose = "perplexity" in name or "bits_per_byte" in name
                    close = math.isclose(mine, value, rel_tol=1e-3 if loose else 1e-9)
                    self.assertTrue(close, f"{task} {name}: {mine}, harness {value}")
            rows = [s for s in samples[task] if s["filter"] == samples[task][0]["filter"]]
            prompts = hashlib.sha256("".join(s["prompt_hash"] for s in rows).encode()).hexdigest()
            self.assertEqual(prompts, golden["prompts"][task], f"{task}: other prompts than the harness's")
            self.assertEqual(len(rows), len(golden["requests"][task]))
            for row, expected in zip(rows, golden["requests"][task]):
                for mine, theirs in zip(row["resps"], expected):
                    if isinstance(theirs, str):
                        self.assertEqual(mine[0], theirs, task)
                    elif isinstance(theirs, list):
                        self.assertAlmostEqual(float(mine[0][0]), theirs[0], delta=1e-3, msg=task)
                        self.assertEqual(mine[0][1], str(theirs[1]), task)
                    else:  # of a whole page
                        self.assertAlmostEqual(mine[0], theirs, delta=1e-3 + 1e-6 * abs(theirs), msg=task)

    def test_harness_without_examples(self):
        self.compare("0-shot", 0)

    def test_harness_with_five_examples(self):
        self.compare("5-shot", 5)

    def test_harness_with_a_chat_template(self):
        self.compare("5-shot message", 5, "--apply-chat-template", "--fewshot_as_multiturn=false")
        self.compare("5-shot turns", 5, "--apply-chat-template")  # the harness's default
        self.compare("5-shot turns", 5, "--apply-chat-template", "--fewshot-as-multiturn")

    def test_groups_of_mmlu(self):
        with open(os.path.join(GOLDEN, "tasks", "harness.json"), encoding="utf-8") as file:
            golden = json.load(file)["groups"]

        def compare(ours, theirs, where):
            if isinstance(theirs, dict):
                for key in theirs:
                    self.assertIn(key, ours, where)
                    compare(ours[key], theirs[key], f"{where} {key}")
            elif isinstance(theirs, float):
                self.assertAlmostEqual(ours, theirs, places=9, msg=where)
            else:
                self.assertEqual(ours, theirs, where)

        whole = self.json(*self.eval("--bootstrap-iters", 2000, tasks="mmlu"))
        compare(whole, golden, "mmlu")
        self.assertEqual(set(whole["groups"]), set(golden["groups"]))
        stem = self.json(*self.eval("--bootstrap-iters", 2000, tasks="mmlu_stem"))
        self.assertEqual(stem["groups"], {"mmlu_stem": whole["groups"]["mmlu_stem"]})
        self.assertNotIn("groups", self.json(*self.eval(tasks="mmlu_anatomy")))
        self.refused(*self.eval(tasks="mmlu_social_sciences"), code=3, says=["of mmlu_social_sciences"])
        # A subject that the harness does not know belongs to the whole alone.
        own = os.path.join(self.path("own"), "mmlu_own_subject")
        shutil.copytree(os.path.join(self.data, "mmlu_anatomy"), own)
        shutil.copytree(os.path.join(self.data, "mmlu_virology"), self.path("own", "mmlu_virology"))
        result = self.json(*self.eval(tasks="mmlu", data=self.path("own")))
        self.assertEqual(result["group_subtasks"], {"mmlu": ["mmlu_other", "mmlu_own_subject"], "mmlu_other": ["mmlu_virology"]})  # fmt: skip
        self.assertEqual(result["groups"]["mmlu"]["sample_len"], 24)
        table = self.zebra(*[word for word in self.eval(tasks="piqa,mmlu") if word != "--json"]).stdout
        labels = [line[: line.index(" none")].rstrip() for line in table.splitlines()[1:]]
        self.assertEqual(labels, ["piqa", "piqa", "mmlu", " - humanities", "  - formal_logic", " - other", "  - virology",
                                  " - stem", "  - anatomy", "  - high_school_biology"])  # fmt: skip

    def test_few_documents_of_the_world_leave_whole_subjects(self):
        for documents in (1, 4):
            data = self.path(f"world-{documents}")
            self.zebra("world", "--kind", "tasks", "--documents", documents, "--out", data)
            subjects = [name for name in os.listdir(data) if name.startswith("mmlu_")]
            self.assertTrue(subjects)
            for subject in subjects:
                self.assertEqual(set(os.listdir(os.path.join(data, subject))), {"dev.jsonl", "test.jsonl"}, subject)
            result = self.json(*self.eval("--num-fewshot", 5, tasks="mmlu", data=data))
            self.assertEqual(result["groups"]["mmlu"]["sample_len"], documents)

    def test_limit_and_table(self):
        result = self.json(*self.eval("--limit", 3, tasks="piqa,arc_easy"))
        self.assertEqual(result["n-samples"]["piqa"]["effective"], 3)
        self.assertGreater(result["n-samples"]["piqa"]["original"], 3)
        program = self.zebra("--version").stdout.splitlines()[0]
        self.assertEqual("zebra " + result["zebra_version"], program)
        table = self.zebra("eval", self.long, "--tasks", "piqa", "--data-dir", self.data, "--limit", "3").stdout
        self.assertRegex(table, r"piqa +none +0 +3 +acc_norm +[01]\.\d{4} +0\.\d{4}")

    def test_a_small_world_has_examples_enough(self):
        data = self.path("world")
        self.zebra("world", "--kind", "tasks", "--documents", 12, "--out", data)
        for task in sorted(set(os.listdir(data)) - {".zebra-files"}):
            lines = {name: read(data, task, name).count(b"\n") for name in os.listdir(os.path.join(data, task))}
            examples = sum(lines[name] for name in lines if name in ("train.jsonl", "dev.jsonl"))
            if task.startswith("mmlu_"):
                self.assertGreaterEqual(examples, 5, task)
                self.assertGreaterEqual(lines["test.jsonl"], 1, task)
            else:
                self.assertEqual(sum(lines.values()) - examples, 12, task)
                self.assertEqual(examples, 0 if task == "lambada_openai" else 50, task)

    def test_recall_is_made(self):
        def asked(task, out):
            self.json(*self.eval("--limit", 4, "--output", out, "--log-samples", tasks=task))
            place = os.path.join(out, os.listdir(out)[0])
            name = next(name for name in os.listdir(place) if name.startswith("samples_"))
            with open(os.path.join(place, name), encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]

        for kind in ("needle", "keys"):
            samples = asked(f"{kind}_600", self.path(kind))
            self.assertEqual(samples, asked(f"{kind}_600", self.path(kind + "-again")))
            places = []
            for sample in samples:
                text, number = sample["arguments"]["gen_args_0"]["arg_0"], sample["doc"]["outputs"][0]
                self.assertLessEqual(len(text.encode()) + 1 + 16, 600)  # a token a byte, BOS, the answer
                self.assertGreater(len(text.encode()), 500)
                self.assertEqual(text.count(number), 1)
                key = text[text.index("What is the number of the ") + 26 : text.rindex("?")]
                self.assertIn(f"The number of the {key} is {number}.\n", text)
                self.assertEqual(text.count(f"of the {key} is {number}"), 1)
                places.append(text.index(number))
            self.assertEqual(places, sorted(places))
        self.refused(*self.eval(tasks="needle"), code=2, says=["1024"])
        self.refused(*self.eval(tasks="needle_2048"), code=2, says=["640"])
        self.refused(*self.eval(tasks="keys_90"), code=2, says=["no room"])

    def test_refusals(self):
        def with_line(task, split, line):
            folder = self.path("bad")
            os.makedirs(os.path.join(folder, task), exist_ok=True)
            tiny.put(os.path.join(folder, task, split + ".jsonl"), line if isinstance(line, str) else json.dumps(line))
            return folder

        piqa = {"goal": "a", "sol1": "b", "sol2": "c", "label": 0}
        arc = {"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}
        cases = [
            ("piqa", "validation", dict(piqa, label=2), "one of 2 choices"),
            ("piqa", "validation", dict(piqa, label="x"), "the number of a choice"),
            ("piqa", "validation", dict(piqa, sol2=""), "an empty one"),
            ("piqa", "validation", {"goal": "a"}, '"sol1"'),
            ("piqa", "validation", "{", "line 1"),
            ("piqa", "validation", "\n", "found none"),
            ("piqa", "validation", dict(piqa, sol2="long " * 300), "the context length"),
            ("arc_easy", "test", dict(arc, answerKey="C"), "among A, B"),
            ("arc_easy", "test", dict(arc, choices={"text": [], "label": ["B"]}), "found none"),
            ("arc_easy", "test", dict(arc, choices=["x"]), "an object"),
            ("winogrande", "validation", {"sentence": "no blank", "option1": "a", "option2": "b", "answer": "1"}, '"_"'),
            ("race", "test", {"article": "a", "problems": "[{'question': 'q'"}, "Python literal"),
            ("race", "test", {"article": "a", "problems": "[" * 100}, "64 levels"),
            ("hellaswag", "validation", {"activity_label": "a", "ctx_a": "b", "ctx_b": "c", "endings": [], "label": "0"},
             "found none"),
            ("ruler", "test", {"input": "a", "outputs": [""]}, "found an empty one"),
            ("wikitext", "test", {"page": ""}, "expected a text to score"),
        ]  # fmt: skip
        for task, split, line, says in cases:
            with self.subTest(task=task, says=says):
                self.refused(*self.eval(tasks=task, data=with_line(task, split, line)), code=3, says=[split, says])
        self.refused(*self.eval(tasks="piqas"), code=2, says=["piqa?"])
        self.refused(*self.eval(tasks="piqa,piqa"), code=2, says=["twice"])
        self.refused("eval", self.long, code=2, says=["--text", "--tasks"])
        self.refused(*self.eval("--num-fewshot", 500, tasks="piqa"), code=3, says=["500-shot"])
        self.refused(*self.eval(tasks="gsm8k", model=self.model), code=3, says=["--max-gen-toks"])
        self.refused(*self.eval("--apply-chat-template", tasks="piqa", model=self.model), code=3, says=["chat_template"])
        self.refused(*self.eval("--fewshot-as-multiturn", tasks="piqa"), code=2, says=["--apply-chat-template"])
        endless = self.copy_model()
        tiny.put(os.path.join(endless, "chat_template.jinja"),
                 "{% for a in range(99999) %}{% for b in range(99999) %}{{ a * b }}{% endfor %}{% endfor %}")
        self.refused(*self.eval("--apply-chat-template", tasks="piqa", model=endless), code=3,
                     says=["chat_template.jinja, line 1", "more than"])  # fmt: skip
        self.refused(*self.eval("--log-samples", tasks="piqa"), code=2, says=["--output"])
