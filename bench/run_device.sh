#!/usr/bin/env bash
# One visit to a GPU: checks every CUDA kernel, then times every form of it. bench/run_device.sh FOLDER PROGRAM [WORD]
# WORD: only kernels whose names hold it.
# PROGRAM: zebra_kernel_check, built where nvcc is (cmake --build build/cpu --target zebra_kernel_check). Writes
# FOLDER/check.log, check.json, time.log, time.json and the sanitizer's logs, and prints what was wrong and the best
# times of every case last.
set -uo pipefail
usage="usage: bench/run_device.sh FOLDER PROGRAM [WORD]"
out=${1:?$usage} program=${2:?$usage} only=${3:-}
mkdir -p "$out"
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem --format=csv,noheader
"$program" --check --only "$only" --json "$out/check.json" >"$out/check.log" 2>&1
failed=$?
"$program" --time --only "$only" --json "$out/time.json" >"$out/time.log" 2>&1 || failed=$?
for tool in memcheck racecheck; do
  command -v compute-sanitizer >/dev/null || break
  timeout 75 compute-sanitizer --tool $tool "$program" --check --quick --only "$only" >"$out/$tool.log" 2>&1
  echo "$tool: exit code $?, $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$out/$tool.log" | tail -1)"
done
grep -v '^ok' "$out/check.log" | head -40
tail -1 "$out/check.log"
python3 - "$out/time.json" <<'P'
import json, sys
best = {}
for row in json.load(open(sys.argv[1])):
    words = row["name"].split(", ")
    case = ", ".join(words[: 2 if len(words) > 1 and words[1].startswith(("s_q", "fp32", "bf16")) else 1])
    best.setdefault(case, []).append((row["ms"], row["GB_per_s"], row["of_copy"], row["name"][len(case) + 2:]))
for case, rows in best.items():
    for ms, rate, share, form in sorted(rows)[:4]:
        print(f"{ms:9.4f} ms {rate:6.0f} GB/s {100 * share:5.1f} % of copy  {case}: {form}")
P
exit $failed
