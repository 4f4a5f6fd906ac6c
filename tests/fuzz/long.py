#!/usr/bin/env python3
"""long.py [BUILD] [--runs N] [--seconds S] [--shares K] [--jobs J] [--seed S] [--out FOLDER] [--only NAME...]

Runs every fuzz_* program of a build folder for long: N changed inputs each, in K processes with seeds of their own, J
processes at once, none longer than S seconds. What crashed, hung or was slow stays in FOLDER/NAME-SEED with what the
process said; FOLDER/fuzz.json has the table that is printed. Exit code 1 after a finding.
"""

import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HANG = 300  # seconds behind its limit after which a process hangs
DONE = re.compile(r"^(\d+) changed inputs of (\d+) seeds, the slowest took (\S+) s$", re.M)


def run(program, seed, runs, seconds, out):
    """One process: what came of it."""
    name = os.path.basename(program).removeprefix("fuzz_")
    folder = os.path.join(out, f"{name}-{seed}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    said = os.path.join(folder, "said")
    # Reports of the sanitizers end the process, whichever they are.
    strict = dict(os.environ, UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1", ASAN_OPTIONS="detect_leaks=1")
    command = [program, "--runs", str(runs), "--seconds", str(seconds), "--seed", str(seed), "--keep", folder]
    begin = time.monotonic()
    with open(said, "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=strict, stdout=log, stderr=log)
        try:
            code = process.wait(timeout=seconds + HANG)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = "hang"
    shutil.rmtree(f"/dev/shm/zebra_fuzz_{process.pid}", ignore_errors=True)  # of one that could not tidy up
    with open(said, encoding="utf-8", errors="replace") as log:
        text = log.read()
    done = DONE.search(text)
    finding = "" if code == 0 and done else f"exit {code}: {text.strip()[:300]}"
    result = {"entry": name, "seed": seed, "runs": int(done[1]) if done else 0, "slowest": float(done[3]) if done else 0.0,
              "seconds": round(time.monotonic() - begin, 1), "finding": finding}  # fmt: skip
    if not finding and not os.path.exists(os.path.join(folder, "fuzz-slowest")):
        shutil.rmtree(folder)
    return result


def summary(results):
    """A row an entry."""
    rows = {}
    for each in results:
        row = rows.setdefault(each["entry"], {"runs": 0, "seconds": 0.0, "slowest": 0.0, "findings": []})
        row["runs"] += each["runs"]
        row["seconds"] = round(row["seconds"] + each["seconds"], 1)
        row["slowest"] = max(row["slowest"], each["slowest"])
        if each["finding"]:
            row["findings"].append(f"seed {each['seed']}: {each['finding']}")
    return rows


def table(rows):
    lines = [f"{'entry':16} {'runs':>12} {'CPU s':>9} {'slowest s':>10} {'findings':>9}"]
    for name, row in sorted(rows.items()):
        lines.append(f"{name:16} {row['runs']:12,} {row['seconds']:9.0f} {row['slowest']:10.3f} {len(row['findings']):9}")
    findings = sum(len(row["findings"]) for row in rows.values())
    lines.append(f"{'all':16} {sum(row['runs'] for row in rows.values()):12,} "
                 f"{sum(row['seconds'] for row in rows.values()):9.0f} {'':10} {findings:9}")  # fmt: skip
    for name, row in sorted(rows.items()):
        lines.extend(f"{name} {finding}" for finding in row["findings"])
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/asan")
    parser.add_argument("--runs", type=int, default=400_000, help="changed inputs of each entry")
    parser.add_argument("--seconds", type=float, default=3600, help="limit of each process")
    parser.add_argument("--shares", type=int, default=4, help="processes an entry")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at once")
    parser.add_argument("--seed", type=int, default=1, help="the first process's; the others count on")
    parser.add_argument("--out", default="out/fuzz")
    parser.add_argument("--only", nargs="*", help="entries, without fuzz_")
    options = parser.parse_args()
    out = os.path.abspath(options.out)
    programs = sorted(
        os.path.abspath(entry.path) for entry in os.scandir(options.build)
        if entry.name.startswith("fuzz_") and entry.is_file() and os.access(entry.path, os.X_OK)
        and (not options.only or entry.name.removeprefix("fuzz_") in options.only)
    )  # fmt: skip
    if not programs:
        parser.error(f"no such fuzz_* programs in {options.build}")
    os.makedirs(out, exist_ok=True)
    tasks = [(program, options.seed + share) for share in range(options.shares) for program in programs]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(run, program, seed, -(-options.runs // options.shares), options.seconds, out)
                   for program, seed in tasks]  # fmt: skip
        results = []
        for future in concurrent.futures.as_completed(futures):
            results.append(future.result())
            if results[-1]["finding"]:
                print(f"{results[-1]['entry']}: {results[-1]['finding']}", file=sys.stderr, flush=True)
    rows = summary(results)
    with open(os.path.join(out, "fuzz.json"), "w", encoding="utf-8") as file:
        json.dump({"runs": sum(row["runs"] for row in rows.values()), "entries": rows}, file, indent=2)
        file.write("\n")
    print(table(rows))
    return int(any(row["findings"] for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
