"""same_results.py OLD [NEW]: do two builds of the program give the same results, bit for bit?

Fifty steps of each kind of training on tiny models (losses, figures and weights), conversions, and the logits, texts and
scores of checkpoint folders. NEW is the program that $ZEBRA names, unless given. For changes that should alter no
result; needs two builds, so it is not part of the suite.
"""

import json
import os
import subprocess
import sys
import tempfile

import resume_many
import tiny

# What an evaluation says of itself, beside its figures.
TELLS_THE_RUN = ("date", "zebra_version", "total_evaluation_time_seconds")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def tree(folder):
    """Name -> bytes of the weights and configurations below a folder."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".safetensors") or name == "config.json":
                found[os.path.relpath(os.path.join(path, name), folder)] = resume_many.read(path, name)
    return found


def of_training(program, folder):
    resume_many.PROGRAM = program
    resume_many.STEPS = 50
    workshop = resume_many.Workshop(folder)
    results = {"convert": tree(workshop.student), "convert other": tree(workshop.other)}
    for kind in resume_many.KINDS:
        out = workshop.path(kind)
        workshop.run(workshop.command(kind, out))
        for each in resume_many.outs(kind, out):
            results[f"{kind} {os.path.basename(each)}"] = resume_many.result(out)[0], tree(each)
    # Rows of documents kept apart; arithmetic in bf16.
    for name, flags in {"apart": ["--documents-apart", "true"], "bf16": ["--dtype", "bf16"]}.items():
        out = workshop.path(name)
        workshop.run([*workshop.command("kd", out), *flags])
        results[name] = resume_many.result(out)[0], tree(out)
    recipe = workshop.path("recipe.json")
    tiny.put(recipe, "{}")
    settings = {"tokenizer": workshop.model, "data": workshop.text, "out": workshop.path("pretrained"),
                "model.hidden": 32, "model.layers": 2, "model.heads": 4, "train.tokens": 50 * 256, "train.length": 64,
                "train.batch_tokens": 256, "train.lr": 0.01}  # fmt: skip
    workshop.run(["pretrain", recipe, *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))])
    results["pretrain"] = resume_many.result(workshop.path("pretrained"))[0], tree(workshop.path("pretrained"))
    return results


def of_folder(program, model, data, scratch):
    def said(*arguments):
        return subprocess.run([program, *arguments], capture_output=True, check=True, timeout=300).stdout

    results = {}
    if os.path.exists(os.path.join(model, "expected.safetensors")):
        out = os.path.join(scratch, "logits.safetensors")
        said("logits", model, "--ids", os.path.join(model, "expected.safetensors"), "--out", out, "--overwrite")
        results["logits"] = resume_many.read(out)
    if os.path.exists(os.path.join(model, "tokenizer.json")):
        results["greedy"] = said("generate", model, "--prompt", "Once upon a time", "--max-tokens", "60")
        results["drawn"] = said("generate", model, "--prompt", "A", "--max-tokens", "60", "--temperature", "1")
        # With examples, questions have their beginnings in common; gsm8k's answers are decoded side by side.
        told = json.loads(said("eval", model, "--tasks", "arc_easy,piqa,gsm8k", "--data-dir", data, "--num-fewshot", "1",
                               "--limit", "12", "--max-gen-toks", "24", "--json"))  # fmt: skip
        results["tasks"] = {key: value for key, value in told.items() if key not in TELLS_THE_RUN}
    return results


def main():
    old = os.path.abspath(sys.argv[1])
    new = os.path.abspath(sys.argv[2] if len(sys.argv) > 2 else resume_many.PROGRAM)
    others, compared = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        # The same paths for both, which cards and identities may hold.
        results = []
        for program in (old, new):
            folder = os.path.join(scratch, "work")
            results.append(of_training(program, folder))
            os.rename(folder, os.path.join(scratch, f"done-{len(results)}"))
        for name, expected in results[0].items():
            compared += 1
            if results[1].get(name) != expected:
                others.append(name)
        os.chdir(ROOT)
        data = os.path.join(scratch, "data")
        subprocess.run([sys.executable, "tests/golden/make_tasks.py", data, "12"], check=True)
        folders = [os.path.join(root, name) for root in ("tests/golden", "models") for name in sorted(os.listdir(root))]
        folders += [os.path.join(scratch, "done-1", name) for name in ("teacher", "student", "other", "dpo")]
        for model in folders:
            if not os.path.exists(os.path.join(model, "config.json")):
                continue
            expected, found = of_folder(old, model, data, scratch), of_folder(new, model, data, scratch)
            for name, value in expected.items():
                compared += 1
                if found[name] != value:
                    others.append(f"{name} of {model}")
    print(f"{compared} results compared, {len(others)} differ", *others, sep="\n  ")
    return int(bool(others) or compared == 0)


if __name__ == "__main__":
    sys.exit(main())
