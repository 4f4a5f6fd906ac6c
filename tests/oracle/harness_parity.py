#!/usr/bin/env python3
"""Compares `zebra eval --tasks` with lm-evaluation-harness 0.4.13 (transformers backend, CPU, float32).

    python tests/oracle/harness_parity.py ZEBRA MODEL [--data FOLDER] [--documents N] [--golden FILE]

Needs a Python with lm_eval 0.4.13; says so and ends with 0 where it is absent. Documents are generated
(tests/golden/make_tasks.py) unless --data names a folder. Every task is run with 0 and 5 examples; acc, acc_norm and
standard errors must be equal, log-likelihoods within 1e-3, generated texts the same. --golden writes the harness's
numbers for the test that runs without it. MODEL may be "tiny": the random model of the test suite.
"""
import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile

try:
    import lm_eval
except ImportError:
    print("skipped: lm_eval is not installed in this Python (pip install lm_eval==0.4.13 transformers torch)")
    sys.exit(0)

os.environ["HF_DATASETS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
import datasets
import torch
from lm_eval.tasks import TaskManager

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
import tiny

TASKS = ["arc_challenge", "arc_easy", "boolq", "gsm8k", "hellaswag", "lambada_openai", "mmlu_anatomy",
         "mmlu_high_school_biology", "openbookqa", "piqa", "pubmedqa", "race", "wikitext", "winogrande"]


def patch_datasets(folder):
    """load_dataset reads our files: the task's definition says which of them it is."""
    names = {"allenai/ai2_arc": {"ARC-Easy": "arc_easy", "ARC-Challenge": "arc_challenge"},
             "cais/mmlu": lambda subject: "mmlu_" + subject,
             "Rowan/hellaswag": "hellaswag", "allenai/openbookqa": "openbookqa", "baber/piqa": "piqa",
             "bigbio/pubmed_qa": "pubmedqa", "EleutherAI/race": "race", "allenai/winogrande": "winogrande",
             "EleutherAI/lambada_openai": "lambada_openai", "aps/super_glue": "boolq", "openai/gsm8k": "gsm8k",
             "EleutherAI/wikitext_document_level": "wikitext"}

    def load_dataset(path, name=None, **_):
        task = names[path]
        task = task if isinstance(task, str) else task(name) if callable(task) else task[name]
        place = os.path.join(folder, task)
        if not os.path.isdir(place):  # groups() takes subjects without documents away again
            place = os.path.join(folder, "mmlu_anatomy")
        rows = {}
        for file in os.listdir(place):
            with open(os.path.join(place, file), encoding="utf-8") as lines:
                rows[file.split(".")[0]] = datasets.Dataset.from_list([json.loads(line) for line in lines])
        for split in ("train", "validation", "test"):  # definitions name splits that our data has no need of
            rows.setdefault(split, next(iter(rows.values())))
        return datasets.DatasetDict(rows)

    datasets.load_dataset = load_dataset


def harness(model, tasks, shots, chat=None, **more):
    from lm_eval.models.huggingface import HFLM
    import transformers

    # Attention in plain matrix products; float32 on the CPU.
    # "default": as the harness has it where nobody says, in simple_evaluate as on its command line.
    turns = {} if chat == "default" else {"fewshot_as_multiturn": chat == "turns"}
    lm = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=4, **more)
    return lm_eval.simple_evaluate(model=lm, tasks=tasks, num_fewshot=shots, log_samples=True, bootstrap_iters=2000,
                                   apply_chat_template=bool(chat), **turns,
                                   gen_kwargs={"max_gen_toks": 24} if "gsm8k" in tasks else None)


def groups(model, data):
    """What the harness says of mmlu as a whole: of the subjects that there are documents of."""
    from lm_eval.models.huggingface import HFLM

    loaded = TaskManager().load(["mmlu"])
    for task in [task for task in loaded["tasks"] if not os.path.isdir(os.path.join(data, task))]:
        del loaded["tasks"][task]
        for group in loaded["groups"].values():
            group.pop(task)
    for name in [name for name, group in loaded["groups"].items() if len(group) == 0]:
        del loaded["groups"][name]
        loaded["groups"]["mmlu"].pop(name)
    for task in loaded["tasks"].values():
        task.set_config(key="num_fewshot", value=0)
    lm = HFLM(pretrained=model, device="cpu", dtype="float32", batch_size=4)
    result = lm_eval.evaluate(lm=lm, task_dict=loaded, bootstrap_iters=2000, log_samples=False)
    return {key: result[key] for key in ("results", "groups", "group_subtasks", "versions", "n-shot", "higher_is_better")}


def plain(result):
    """The numbers of a run: metrics by task, and what each request got."""
    out = {"results": {}, "requests": {}, "prompts": {}}
    for task, metrics in result["results"].items():
        out["results"][task] = {k: v for k, v in metrics.items() if "," in k}
    for task, samples in result["samples"].items():
        first = samples[0]["filter"]
        rows = [s for s in samples if s["filter"] == first]
        flat = lambda resp: resp[0] if not isinstance(resp[0], (list, tuple)) else list(resp[0])
        out["requests"][task] = [[flat(resp) for resp in s["resps"]] for s in rows]
        out["prompts"][task] = hashlib.sha256("".join(s["prompt_hash"] for s in rows).encode()).hexdigest()
    return out


def native(zebra, model, data, tasks, shots, max_gen, extra=()):
    with tempfile.TemporaryDirectory() as out:
        command = [zebra, "eval", model, "--tasks", ",".join(tasks), "--data-dir", data, "--num-fewshot", str(shots),
                   "--output", out, "--log-samples", "--json", "--bootstrap-iters", "2000", "--max-gen-toks",
                   str(max_gen), *extra]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{' '.join(command)}\n{run.stderr}")
        result = json.loads(run.stdout)
        result["samples"] = {}
        for place, _, files in os.walk(out):
            for file in files:
                if file.startswith("samples_"):
                    task = file[len("samples_"):].rsplit("_", 1)[0]
                    with open(os.path.join(place, file), encoding="utf-8") as lines:
                        result["samples"][task] = [json.loads(line) for line in lines]
    for samples in result["samples"].values():
        for s in samples:
            s["resps"] = [[[float(r[0][0]), r[0][1] == "True"]] if isinstance(r[0], list) else r for r in s["resps"]]
    return result


def differences(ours, theirs, label):
    """Prints what differs; the worst difference of a log-likelihood."""
    bad, worst = 0, 0.0
    for task, metrics in theirs["results"].items():
        for name, value in metrics.items():
            mine = ours["results"].get(task, {}).get(name)
            loose = "perplexity" in name or "bits_per_byte" in name
            equal = mine == value if isinstance(value, str) or mine is None or isinstance(mine, str) else (
                math.isclose(mine, value, rel_tol=1e-3 if loose else 1e-12, abs_tol=1e-12))
            if not equal:
                bad += 1
                print(f"{label} {task} {name}: zebra {mine}, harness {value}")
    for task, documents in theirs["requests"].items():
        mine = ours["requests"].get(task, [])
        if len(mine) != len(documents) or ours["prompts"][task] != theirs["prompts"][task]:
            bad += 1
            print(f"{label} {task}: other documents or prompts")
            continue
        for number, (a, b) in enumerate(zip(mine, documents)):
            for x, y in zip(a, b):
                x, y = (v if isinstance(v, list) else [v] for v in (x, y))
                if isinstance(y[0], str):
                    if x[0] != y[0]:
                        bad += 1
                        print(f"{label} {task} {number}: zebra {x[0]!r}, harness {y[0]!r}")
                    continue
                difference = abs(float(x[0]) - float(y[0]))
                worst = max(worst, difference)
                limit = 1e-3 if task != "wikitext" else 1e-3 + 1e-6 * abs(float(y[0]))
                if difference > limit or x[1:] != y[1:]:
                    bad += 1
                    print(f"{label} {task} {number}: zebra {x}, harness {y}")
    return bad, worst


def group_differences(ours, theirs, where="mmlu"):
    """How much of the harness's result is not in ours, printed."""
    if isinstance(theirs, dict):
        return sum(group_differences(ours.get(key, {}), value, f"{where} {key}") for key, value in theirs.items())
    equal = math.isclose(ours, theirs, rel_tol=1e-9) if isinstance(theirs, float) and ours else ours == theirs
    if not equal:
        print(f"{where}: zebra {ours}, harness {theirs}")
    return not equal


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("zebra")
    parser.add_argument("model")
    parser.add_argument("--data")
    parser.add_argument("--documents", type=int, default=12)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--shots", default="0,5")
    parser.add_argument("--chat", action="store_true", help="through the model's chat template, both ways")
    parser.add_argument("--golden")
    options = parser.parse_args()
    torch.set_num_threads(2)
    bad, golden = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or os.path.join(folder, "data")
        if options.model == "tiny":
            options.model = tiny.write_model(os.path.join(folder, "tiny"), dict(tiny.CONFIG, max_position_embeddings=640))
            tiny.put(os.path.join(options.model, "chat_template.jinja"), tiny.CHAT_TEMPLATE)
        if not options.data:
            subprocess.run([sys.executable, os.path.join(HERE, "..", "golden", "make_tasks.py"), data,
                            str(options.documents)], check=True)
        patch_datasets(data)
        tasks = options.tasks.split(",")
        for chat in ("turns", "message", "default") if options.chat else (None,):
            flags = {"turns": ["--apply-chat-template", "--fewshot-as-multiturn"], "default": ["--apply-chat-template"],
                     "message": ["--apply-chat-template", "--fewshot-as-multiturn=false"]}
            for shots in map(int, options.shots.split(",")):
                # Their groups need all subjects: tasks only, groups are computed from them.
                theirs = plain(harness(options.model, tasks, shots, chat))
                ours = plain(native(options.zebra, options.model, data, tasks, shots, 24, flags.get(chat, [])))
                label = f"{shots}-shot" + (f" {chat}" if chat else "")
                found, worst = differences(ours, theirs, label)
                count = sum(len(d) for rows in theirs["requests"].values() for d in rows)
                print(f"{label}: {len(tasks)} tasks, {count} requests, {found} differences, "
                      f"largest difference of a log-likelihood {worst:.1e}")
                bad += found
                golden[label] = theirs
        if not options.chat and not options.data:
            golden["groups"] = groups(options.model, data)
            found = group_differences(native(options.zebra, options.model, data, ["mmlu"], 0, 24), golden["groups"])
            print(f"groups of mmlu: {found} differences")
            bad += found
    if options.golden:
        rounded = json.loads(json.dumps(golden), parse_float=lambda text: float(f"{float(text):.10g}"))
        if os.path.exists(options.golden):  # runs with other flags add to it
            with open(options.golden, encoding="utf-8") as file:
                rounded = {**json.load(file), **rounded}
        with open(options.golden, "w", encoding="utf-8") as file:
            json.dump(rounded, file, ensure_ascii=False, separators=(",", ":"))
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
