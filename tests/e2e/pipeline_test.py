"""The journey of a user on a tiny random model: convert, inspect, eval, distill (killed and resumed), generate."""

import html.parser
import json
import os
import signal
import subprocess

import tiny
from program import PROGRAM, ProgramTest, read

HYBRID = ["--mla-layers", "1", "--rest", "mamba2", "--kv-rank", "8", "--rope-dim", "4"]
STEPS = 24
TRAINING = ["--tokens", 512 * STEPS, "--batch-tokens", 512, "--length", 32, "--save-every", 5, "--threads", 1]


class Page(html.parser.HTMLParser):
    """The tags, attributes and text of a page, and the elements that it forgot to close."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing")

    def handle_data(self, data):
        self.text += data


class PipelineTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.student = os.path.join(cls.shared, "student")
        cls.straight = os.path.join(cls.shared, "straight")
        for command in (["convert", cls.model, "--out", cls.student, *HYBRID], cls.distill(cls.straight)):
            subprocess.run([PROGRAM, *command], check=True, capture_output=True)

    @classmethod
    def distill(cls, out, *more):
        return ["distill", "--teacher", cls.model, "--student", cls.student, "--out", out, "--data", "sample",
                *map(str, TRAINING), *more]  # fmt: skip

    def test_inspect(self):
        teacher, student = self.json("inspect", self.model, "--json"), self.json("inspect", self.student, "--json")
        # 4 layers of 2 * 2 heads * 8 numbers; one latent of 8 + 4.
        self.assertEqual(teacher["cache_bytes_per_token"], 2 * 4 * 32)
        self.assertEqual(student["cache_bytes_per_token"], 2 * 12)
        self.assertAlmostEqual(student["kv_percent"], 100 * 12 / 128, places=3)
        self.assertIn("mamba2", self.zebra("inspect", self.student).stdout)
        lengths = ["--context", "100,2048,131072"]
        at = self.json("inspect", self.student, "--json", *lengths)["contexts"]
        self.assertEqual([use["tokens"] for use in at], [100, 2048, 131072])
        for use in at:  # states stay as they are, the latent of one layer grows
            self.assertEqual(use["cache_bytes"], student["cache_bytes_per_sequence"] + 2 * 12 * use["tokens"])
            self.assertEqual(use["base_cache_bytes"], 2 * 4 * 32 * use["tokens"])
        self.assertGreater(at[0]["kv_percent"], at[1]["kv_percent"])
        self.assertAlmostEqual(at[2]["kv_percent"], student["kv_percent"], delta=0.1)
        self.assertRegex(self.zebra("inspect", self.student, *lengths).stdout, r"(?m)^ +131,072 +9\.\d\d %, 3,[0-9,]+ of ")
        self.assertEqual([use["kv_percent"] for use in self.json("inspect", self.model, "--json")["contexts"]], [100.0])
        self.refused("inspect", self.model, "--context", "0", code=2, says=["--context"])

    def test_flags_without_effect_are_refused(self):
        for flags in (["--kv-rank", "24"], ["--rope-dim", "4"], ["--kv-rank", "8", "--mamba2-layers", "1", "--rest", "attention"]):
            self.refused("convert", self.model, "--out", self.path("out"), *flags, code=2, says=[flags[0], "--mla-layers"])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_convert_keeps_companions(self):
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            self.assertEqual(read(self.student, name), read(self.model, name))
        self.assertTrue(os.path.exists(os.path.join(self.student, "README.md")))

    def test_convert_is_reproducible(self):
        self.zebra("convert", self.model, "--out", self.path("again"), *HYBRID)
        self.assertEqual(read(self.path("again"), "model.safetensors"), read(self.student, "model.safetensors"))

    def test_ranks_differ_by_layer(self):
        flags = ["--mla-layers", "all", "--kv-rank", "8", "--rope-dim", "4", "--rank", "energy", "--rank-energy", "0.9"]
        self.zebra("convert", self.model, "--out", self.path("out"), *flags)
        shapes = [layer["kv_rank"] for layer in self.json("inspect", self.path("out"), "--json")["layers"]]
        self.assertEqual((shapes[0], shapes[3]), (8, 8))
        self.assertGreater(shapes[1], 8)
        self.assertIn("kv rank %d," % shapes[1], self.zebra("inspect", self.path("out")).stdout)
        self.assertTrue(os.path.exists(self.path("out", "model.safetensors")))

    def test_bench_init(self):
        """Every row as it is ready, ratios to the first one, and no student left behind."""
        text = self.texts("text.jsonl", ["The quick brown fox.", "the lazy dog " * 60])
        command = ["bench", "init", self.model, "--text", text, *HYBRID[:2], *HYBRID[4:], "--calibration", text,
                   "--work", self.path("work")]  # fmt: skip
        short = ["--calibration-tokens", 512, "--limit", 1]
        done = self.zebra(*command, *short, "--json", "--students", "hybrid,mamba2")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for student in ("mamba2", "hybrid"):
            own = [row for row in rows if row["student"] == student]
            self.assertEqual(own[0]["name"], "reference")
            self.assertEqual(own[0]["ratio"], 1)
            self.assertGreater(len(own), 10)
            for row in own:
                self.assertAlmostEqual(row["ratio"], row["kl"] / own[0]["kl"], places=6)
        self.assertEqual(os.listdir(self.path("work")), [])
        few = ["--students", "mamba2", "--rows", "left-out", "--tokens", 512, "--threads", 1]
        table = self.zebra(*command, *short, *few).stdout.splitlines()
        self.assertIn("trained", table[1])
        self.assertEqual(len(table[2].split()), 9)
        self.refused(*command, "--students", "mla,none", code=2, says=["--students", "none"])

    def test_eval(self):
        text = self.texts("text.jsonl", ["The quick brown fox.", "jumps over", "the lazy dog " * 30])
        same = self.json("eval", self.model, "--text", text, "--teacher", self.model, "--json")
        self.assertLess(abs(same["kl"]), 1e-6)
        self.assertEqual(same["agreement"], 1)
        other = self.json("eval", self.student, "--text", text, "--teacher", self.model, "--json")
        self.assertGreater(other["kl"], 0)
        self.assertEqual(other["tokens"], 20 + 10 + 127)  # each BOS predicts the first byte; cut at 128 tokens
        self.assertAlmostEqual(other["teacher_ppl"], same["ppl"], places=4)

    def test_eval_of_packed_rows(self):
        text = self.texts("text.jsonl", ["abc", "defgh", "the lazy dog"])
        rows = self.json("eval", self.model, "--text", text, "--pack", 4, "--no-bos", "--json")
        self.assertEqual((rows["documents"], rows["tokens"]), (5, 15))  # 20 letters and 3 EOS make 5 rows of 4
        rows = self.json("eval", self.model, "--text", text, "--pack", 4, "--limit", 2, "--json")
        self.assertEqual((rows["documents"], rows["tokens"]), (2, 6))

    def test_distill_lowers_the_loss(self):
        losses = self.losses(self.straight)
        self.assertEqual(len(losses), STEPS)
        self.assertLess(sum(losses[-4:]), sum(losses[:4]))
        self.assertEqual(sorted(os.listdir(self.straight)), sorted([*os.listdir(self.student), "report.html"]))
        tags = self.assert_events(self.straight)
        self.assertLessEqual({"loss", "lr", "grad_norm", "tokens_per_second"}, tags)

    def test_report_stands_alone(self):
        """A page that parses, with curves and a row for every layer, and nothing that it would fetch."""
        page = Page(read(self.straight, "report.html").decode())
        self.assertEqual(page.open, [])
        for tag in ("script", "link", "img", "iframe", "object", "use"):
            self.assertNotIn(tag, page.tags)
        self.assertEqual([name for name, _ in page.attributes if name in ("src", "href", "xlink:href")], [])
        self.assertGreaterEqual(page.tags.count("polyline"), 3)
        for text in ("loss", "tokens_per_second", "kv rank 8, q exact, rope 4", "mamba2", "batch_tokens", "processor"):
            self.assertIn(text, page.text)
        self.assertIn("zebra distill --teacher tiny --student student", page.text, "names, not paths of this machine")

    def test_pruned_model_learns_from_its_teacher(self):
        text, small = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9]), self.path("small")
        command = ["prune", self.model, "--out", small, "--hidden", "24", "--intermediate", "40", "--kv-heads", "1",
                   "--layers", "3", "--depth", "kl"]  # fmt: skip
        told = self.json(*command, "--json")
        self.assertEqual(told, json.loads(read(small, "pruning.json")))
        self.assertEqual([len(told["layers"]), len(told["layer_scores"])], [3, 4])
        config = json.loads(read(small, "config.json"))
        self.assertEqual([config[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers")], [24, 40, 3])
        learned = self.path("learned")
        report = self.json("distill", "--teacher", self.model, "--student", small, "--out", learned, "--data", "sample",
                           *map(str, TRAINING), "--json")  # fmt: skip
        self.assertLess(report["last_loss"], report["first_loss"])
        before, after = (
            self.json("eval", model, "--text", text, "--teacher", self.model, "--json")["kl"] for model in (small, learned)
        )
        self.assertLess(after, before)
        self.refused(*command, code=2, says=["exists"])
        self.refused("prune", self.model, "--out", self.path("x"), "--hidden", "99", code=2, says=["--hidden", "32"])

    def losses(self, out):
        return [json.loads(line)["loss"] for line in read(out + ".run", "metrics.jsonl").splitlines()]

    def stop_and_resume(self, kind, code):
        out = self.path("out")
        self.assertEqual(self.stop(self.distill(out), out, kind, STEPS // 3), code)
        self.assertFalse(os.path.exists(out))
        self.zebra(*self.distill(out))
        self.assertEqual(self.losses(out), self.losses(self.straight))
        self.assert_events(out)
        self.assertEqual(read(out, "model.safetensors"), read(self.straight, "model.safetensors"))

    def test_killed_run_resumes(self):
        self.stop_and_resume(signal.SIGKILL, -signal.SIGKILL)

    def test_interrupted_run_resumes(self):
        self.stop_and_resume(signal.SIGINT, 130)

    def test_terminated_run_resumes(self):
        self.stop_and_resume(signal.SIGTERM, 143)

    def test_other_settings_do_not_resume(self):
        self.stop(self.distill(self.path("out")), self.path("out"), signal.SIGTERM, STEPS // 3)
        done = subprocess.run([PROGRAM, *self.distill(self.path("out"), "--seed", "7")], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("seed", done.stderr)

    def test_sample_writes_text_to_train_on(self):
        """Documents of the model's own, the same ones from the same seed, which distill reads."""
        def written(name, *flags):
            self.zebra("sample", self.model, "--out", self.path(name), "--tokens", "1k", "--length", 48, *flags)
            return read(self.path(), name)

        text = written("own.jsonl")
        documents = [json.loads(line)["text"] for line in text.splitlines()]
        self.assertGreaterEqual(len(documents), 1000 // 48)
        self.assertTrue(all(documents))
        self.assertEqual(written("again.jsonl"), text)
        self.assertNotEqual(written("other.jsonl", "--seed", 1), text)
        sample = ["sample", self.model, "--out", self.path("own.jsonl"), "--tokens"]
        self.refused(*sample, 64, code=2, says=["own.jsonl", "--overwrite"])
        self.refused(*sample, "none", "--overwrite", code=2, says=["--tokens", '"none"'])
        self.refused(*sample, 64, "--length", 100000, "--overwrite", code=2, says=["--length", "100000"])
        self.assertEqual(read(self.path(), "own.jsonl"), text)
        self.zebra("distill", "--teacher", self.model, "--student", self.student, "--out", self.path("out"),
                   "--data", self.path("own.jsonl"), "--tokens", 256, "--length", 32)  # fmt: skip

    def test_generate(self):
        def text(*more, model=self.student):
            return self.json("generate", model, "--prompt", "Once", "--max-tokens", 12, "--json", *more)

        greedy = text()
        self.assertEqual(greedy["ids"], text()["ids"])
        self.assertEqual(greedy["prompt_tokens"], 5)
        drawn = ["--temperature", 1, "--seed", 3]
        self.assertEqual(text(*drawn)["ids"], text(*drawn)["ids"])
        self.assertNotEqual(text(*drawn)["ids"], text("--temperature", 1, "--seed", 4)["ids"])
        self.assertEqual(text("--temperature", 1, "--top-k", 1)["ids"], greedy["ids"])

    def test_generate_agrees_with_logits(self):
        """The token-by-token path and the whole-sequence path choose the same tokens."""
        made = self.json("generate", self.student, "--prompt", "Once", "--max-tokens", 20, "--json")["ids"]
        ids = [256, *b"Once", *made]
        raw = b"".join(id.to_bytes(8, "little") for id in ids)
        tiny.put(self.path("ids"), tiny.safetensors({"input_ids": ("I64", [1, len(ids)], raw)}))
        self.zebra("logits", self.student, "--ids", self.path("ids"), "--out", self.path("logits"))
        header, data = tiny.split_file(read(self.path("logits")))
        self.assertEqual(header["logits"]["shape"], [1, len(ids), 258])
        rows = memoryview(data).cast("f")
        for position, id in enumerate(made, start=4):
            row = rows[position * 258 : (position + 1) * 258].tolist()
            self.assertEqual(row.index(max(row)), id)

    def test_tokenize(self):
        text = "héllo <eos> \U0001f993\n"
        lines = "".join(json.dumps({"text": t}) + "\n" for t in (text, "", "a"))
        out = [json.loads(line) for line in self.zebra("tokenize", self.model, input=lines).stdout.splitlines()]
        before, after = "héllo ".encode(), " \U0001f993\n".encode()
        self.assertEqual(out[0], {"ids": [*before, 257, *after], "decoded": text})
        self.assertEqual(out[1:], [{"ids": [], "decoded": ""}, {"ids": [97], "decoded": "a"}])
        special = self.zebra("tokenize", self.model, "--special", input=lines).stdout.splitlines()
        self.assertEqual(json.loads(special[2])["ids"], [256, 97])
