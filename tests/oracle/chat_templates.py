#!/usr/bin/env python3
"""Compares chat templates as zebra renders them with jinja2, byte by byte.

    python tests/oracle/chat_templates.py CHAT_RENDER FOLDER

FOLDER holds *.jinja files: templates of public checkpoints, which are not part of this repository. Each meets the
conversations of tests/golden/jinja/make_cases.py. CHAT_RENDER is build/cpu/zebra_jinja_render (ninja zebra_jinja_render).
Needs a Python with jinja2; says so and ends with 0 where it is absent.
"""
import glob
import json
import os
import subprocess
import sys

try:
    import jinja2
except ImportError:
    print("skipped: jinja2 is not installed in this Python")
    sys.exit(0)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "jinja"))
import make_cases

NOW = 1_750_000_000


def main(program, folder):
    import datetime

    env = make_cases.environment()
    env.globals["strftime_now"] = lambda form: datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime(form)
    files = sorted(glob.glob(os.path.join(folder, "*.jinja")))
    if not files:
        print(f"skipped: no *.jinja in {folder}")
        return 0
    bad = 0
    for file in files:
        with open(file, encoding="utf-8", newline="") as content:
            source = content.read()
        cases, expected = [], []
        for number, messages in enumerate(make_cases.CONVERSATIONS):
            variables = {"messages": messages, "add_generation_prompt": number % 2 == 0, "bos_token": "<s>",
                         "eos_token": "</s>", "unk_token": "<unk>", "documents": None,
                         "tools": [make_cases.TOOL] if number % 3 == 2 else None}  # fmt: skip
            if number % 4 == 3:
                variables["enable_thinking"] = False
            cases.append(variables)
            try:
                expected.append(env.from_string(source).render(**variables))
            except Exception:  # whatever jinja2 or Python raises
                expected.append(None)
        run = subprocess.run([program, file, str(NOW)], input="".join(json.dumps(c) + "\n" for c in cases),
                             capture_output=True, text=True)  # fmt: skip
        got = [json.loads(line) for line in run.stdout.splitlines()]
        got += [{"error": run.stderr}] * (len(cases) - len(got))
        equal = sum(g.get("text") == e for g, e in zip(got, expected))
        refused = sum(e is None for e in expected)
        print(f"{os.path.basename(file)}: {equal} of {len(cases)} equal ({refused} refused by both or by jinja2)")
        for number, (g, e) in enumerate(zip(got, expected)):
            if g.get("text") != e:
                bad += 1
                print(f"  conversation {number}: zebra {g!r}\n     jinja2 {e!r}")
    print(f"{len(files)} templates, {bad} differences")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
