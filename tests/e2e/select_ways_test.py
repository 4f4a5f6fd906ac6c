"""Every score and method of zebra select."""

import json
import os

from program import ProgramTest, read


class SelectWaysTest(ProgramTest):
    def test_every_way_to_select(self):
        """Students are made by select itself; each way builds a hybrid whose KL is what it says."""
        text = self.texts("held_out.jsonl", ["jumps over", "the lazy dog " * 9])
        training = ["--tokens", "512", "--distill", "length=32,batch_tokens=256,threads=1"]
        ways = {
            "search": ["--count", "2", "--method", "search"],
            "beam": ["--count", "2", "--method", "search", "--search-all", "0", "--beam", "1"],
            "supernet": ["--count", "2", "--score", "supernet", *training, "--dtype", "bf16"],
            "supernet-largest": ["--count", "2", "--score", "supernet", "--method", "largest", *training],
            "ranks": ["--rest", "mla", "--score", "supernet", "--kv-percent", "36", "--kv-rank", "4,8,12",
                      "--rope-dim", "4", *training],
            "trained": ["--count", "2", "--score", "trained", *training],
            "recall": ["--count", "2", "--score", "recall", "--pairs", "4", "--lookups", "2", "--documents", "4"],
            "ratio": ["--count", "2", "--score", "recall-ratio", "--pairs", "4", "--lookups", "2", "--documents", "4"],
            "knapsack": ["--method", "knapsack", "--kv-percent", "18", "--kv-rank", "4,8", "--rope-dim", "4"],
        }
        for name, flags in ways.items():
            with self.subTest(name):
                out = self.path(name)
                done = self.zebra("select", self.model, "--text", text, "--out", out, *flags, "--json")
                self.assertEqual("students that nobody trained" in done.stderr, "--tokens" not in flags)
                chosen = json.loads(done.stdout)
                self.assertEqual(chosen, json.loads(read(out, "selection.json")))
                layers = self.json("inspect", out, "--json")["layers"]
                self.assertEqual([i for i, layer in enumerate(layers) if layer["kind"] == "mla"], chosen["mla_layers"])
                self.assertEqual(sorted(chosen["kv_ranks"]), [str(layer) for layer in chosen["mla_layers"]])
                dtype = ["--dtype", "bf16"] if "bf16" in flags else []
                scores = self.json("eval", out, "--text", text, "--teacher", self.model, "--json", *dtype)
                self.assertAlmostEqual(scores["kl"], chosen["kl"], places=5)
                self.assertFalse(os.path.exists(out + ".run"))
                if name == "ranks":
                    # 36 % of 128 values a token: all layers of rank 4, and 14 more.
                    ranks = chosen["kv_ranks"].values()
                    self.assertEqual([len(ranks), len(chosen["options"])], [4, 2])
                    self.assertLessEqual(sum(4 + rank for rank in ranks), 46)
                    self.assertGreater(max(ranks), 4)
                elif name == "knapsack":
                    # 18 % of 128 values a token.
                    self.assertLessEqual(sum(4 + rank for rank in chosen["kv_ranks"].values()), 23)
                    self.assertEqual(len(chosen["options"]), 2)
                else:
                    self.assertEqual(len(chosen["mla_layers"]), 2)
        select = ["select", self.model, "--text", text, "--out", self.path("none")]
        self.refused(*select, code=2, says=["--count"])
        self.refused(*select, "--count", "2", "--kv-percent", "5", code=2, says=["--kv-percent", "knapsack"])
        self.refused(*select, "--count", "2", "--score", "trained", code=2, says=["--tokens"])
        self.refused(*select, "--count", "2", "--score", "recall", "--tokens", "5", code=2, says=["--tokens", "--score"])
        self.refused(*select, "--count", "2", "--rest", "mla", code=2, says=["--rest mla", "--kv-rank"])
        self.refused(*select, "--kv-percent", "5", "--rest", "mla", "--kv-rank", "4,8", "--rope-dim", "4", code=2,
                     says=["--kv-percent", "the rest alone"])  # fmt: skip
