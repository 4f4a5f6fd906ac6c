#!/usr/bin/env python3
"""Writes generated documents for every task, in the fields of the public data sets, to FOLDER/TASK/SPLIT.jsonl.

    python3 tests/golden/make_tasks.py FOLDER [DOCUMENTS]       (standard library only; the same output every time)

The words are drawn from a list; what matters is that every branch of the prompts is met: brackets, double spaces, text
outside ASCII, answers that begin with spaces, repeated documents, numeric and textual labels.
"""
import json
import os
import random
import sys

WORDS = """river stone lamp winter copper basket seven kettle green ladder über señor cloud twelve paper garden violin
smoke tiger window naïve bridge salt melon 42 candle drum rabbit mirror quiet ocean needle purple bread thunder café
wheel acorn ribbon harbor pencil orange meadow silver turtle blanket engine feather 北京 dust honey""".split()


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)

    def words(self, low, high):
        return [self.rng.choice(WORDS) for _ in range(self.rng.randint(low, high))]

    def text(self, low=3, high=10):
        return " ".join(self.words(low, high))

    def sentence(self, low=4, high=12):
        return self.text(low, high).capitalize() + self.rng.choice([".", ".", "!", ", then " + self.text(2, 4) + "."])

    def number(self, n):
        return self.rng.randrange(n)

    def lettered(self, n, letters="ABCDE"):
        return {"text": [self.text(1, 6) for _ in range(n)], "label": list(letters[:n])}

    def arc(self):
        n = self.rng.choice([3, 4, 4, 4, 5])
        letters = self.rng.choice(["ABCDE", "12345"])
        return {"id": f"q{self.number(9999)}", "question": self.sentence() + " Which?",
                "choices": self.lettered(n, letters), "answerKey": letters[self.number(n)]}

    def boolq(self):
        return {"question": self.text(4, 8), "passage": self.sentence(20, 40), "idx": self.number(999),
                "label": self.number(2)}

    def gsm8k(self):
        a, b = self.number(900), self.number(90)
        return {"question": f"{self.sentence()} {a} {self.rng.choice(WORDS)} and {b} more. How many?",
                "answer": f"{a} + {b} = <<{a}+{b}={a + b}>>{a + b}\n#### {a + b:,}"}

    def hellaswag(self):
        endings = [self.rng.choice(["", "[substeps] "]) + self.sentence(3, 9) for _ in range(4)]
        return {"ind": self.number(999), "activity_label": self.text(1, 3).title(),
                "ctx_a": self.rng.choice(["", "[header] "]) + self.sentence() + self.rng.choice(["", " [title] " + self.text()]),
                "ctx_b": self.rng.choice(["", "she  ", "École "]) + self.text(1, 4).upper(),
                "ctx": "", "endings": endings, "source_id": "s", "split": "val", "split_type": "indomain",
                "label": str(self.number(4))}

    def lambada_openai(self):
        return {"text": self.sentence(10, 20) + " " + self.text(5, 9)}

    def mmlu(self):
        return {"question": self.rng.choice(["", " "]) + self.sentence() + self.rng.choice(["", "\n"]), "subject": "x",
                "choices": [self.text(1, 4) for _ in range(4)], "answer": self.number(4)}

    def openbookqa(self):
        return {"id": str(self.number(999)), "question_stem": self.sentence() + self.rng.choice([" This is", ""]),
                "choices": self.lettered(4), "answerKey": self.rng.choice(["", " "]) + "ABCD"[self.number(4)]}

    def piqa(self):
        return {"goal": self.text(3, 8), "sol1": self.text(2, 7), "sol2": self.text(2, 7), "label": self.number(2)}

    def pubmedqa(self):
        return {"QUESTION": self.text(5, 9) + "?", "CONTEXTS": [self.sentence() for _ in range(1 + self.number(3))],
                "LONG_ANSWER": self.sentence(), "final_decision": self.rng.choice(["yes", "no", "maybe"])}

    def race(self):
        problems = []
        for _ in range(1 + self.number(3)):
            question = self.rng.choice([self.sentence() + "?", self.text() + "  _  .", "It's \"" + self.text(1, 2) + "\""])
            problems.append({"question": question, "answer": "ABCD"[self.number(4)],
                             "options": [self.text(1, 5) + "." for _ in range(4)]})
        return {"article": self.sentence(20, 50), "problems": str(problems)}

    def wikitext(self):
        lines = [f" = {self.text(1, 3).title()} = \n", f" = = {self.text(1, 2)} = = \n"]
        for _ in range(2 + self.number(4)):
            lines.append(f" {self.text()} ( {self.text(1, 3)} ) , \" {self.text(2, 4)} \" 3 @,@ 000 @-@ foot ; [ {self.text(1, 2)} ]"
                         f" 's N {self.text()} 12 @.@ 5 ° C . ' {self.text(1, 2)} ' \n\n")
        return {"page": "".join(lines)}

    def winogrande(self):
        before, after = self.text(3, 7).capitalize(), self.text(2, 6)
        return {"sentence": f"{before} _ {after}.", "option1": self.rng.choice(WORDS), "option2": self.rng.choice(WORDS),
                "answer": str(1 + self.number(2))}


# folder: (maker, evaluated split, split of examples)
TASKS = {
    "arc_challenge": ("arc", "test", "train"), "arc_easy": ("arc", "test", "train"),
    "boolq": ("boolq", "validation", "train"), "gsm8k": ("gsm8k", "test", "train"),
    "hellaswag": ("hellaswag", "validation", "train"), "lambada_openai": ("lambada_openai", "test", None),
    "mmlu_anatomy": ("mmlu", "test", "dev"), "mmlu_high_school_biology": ("mmlu", "test", "dev"),
    "openbookqa": ("openbookqa", "test", "train"), "piqa": ("piqa", "validation", "train"),
    "pubmedqa": ("pubmedqa", "test", "train"), "race": ("race", "test", None),
    "wikitext": ("wikitext", "test", None), "winogrande": ("winogrande", "validation", "train"),
    "mmlu_formal_logic": ("mmlu", "test", "dev"), "mmlu_virology": ("mmlu", "test", "dev"),
}


def main(folder, documents):
    for number, (task, (kind, split, examples)) in enumerate(TASKS.items()):
        maker = Maker(number)
        for name in filter(None, (split, examples)):
            os.makedirs(os.path.join(folder, task), exist_ok=True)
            rows = [getattr(maker, kind)() for _ in range(documents + number % 3 + (3 if name == examples else 0))]
            if name == examples:  # copies: a document may be among its own examples
                rows += evaluated[:2]
            evaluated = rows
            with open(os.path.join(folder, task, name + ".jsonl"), "w", encoding="utf-8") as file:
                for row in rows:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 12)
