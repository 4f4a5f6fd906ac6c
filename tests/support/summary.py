"""Sums up test runs: summary.py BUILD_FOLDER.. prints 'N passed, N failed, N skipped' as its last line.

A build folder holds ctest.xml (CTest's own report, one entry a program) and results/NAME.json (GoogleTest's report of
that program, one entry a test). A program that failed without a failed test in its report (it crashed, say) counts as
one failure. Exits 1 if anything failed or nothing ran.
"""

import json
import os
import sys
import xml.etree.ElementTree

passed = failed = skipped = 0
for folder in sys.argv[1:]:
    for program in xml.etree.ElementTree.parse(os.path.join(folder, "ctest.xml")).iter("testcase"):
        name, broken = program.get("name"), program.get("status") != "run"
        failures = []
        report = os.path.join(folder, "results", name + ".json")
        if os.path.exists(report):
            with open(report, encoding="utf-8") as file:
                suites = json.load(file)["testsuites"]
            for test in (test for suite in suites for test in suite["testsuite"]):
                title = f"{suite_name}.{test['name']}" if (suite_name := test.get("classname")) else test["name"]
                if test.get("failures"):
                    failures.append(title)
                elif test.get("result") == "SKIPPED":
                    skipped += 1
                elif test.get("result") == "COMPLETED":
                    passed += 1
        elif not broken:
            passed += 1
        if broken and not failures:
            failures.append(f"{name} (the program itself)")
        failed += len(failures)
        for failure in failures:
            print(f"FAILED: {failure} in {folder}")
print(f"{passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed or not passed else 0)
