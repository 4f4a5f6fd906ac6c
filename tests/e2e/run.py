"""run.py NAME: runs tests/e2e/NAME_test.py on the program that $ZEBRA names.

Where GTEST_OUTPUT=json:FILE is set (CTest does it), writes GoogleTest's report there, so that all tests are counted
alike.
"""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Result(unittest.TextTestResult):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.entries = []

    def entry(self, test, result, failures=()):
        suite, _, name = test.id().rpartition(".")
        self.entries.append({"name": name, "classname": suite, "result": result, "failures": list(failures)})

    def addSuccess(self, test):
        super().addSuccess(test)
        self.entry(test, "COMPLETED")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.entry(test, "SKIPPED")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.entry(test, "COMPLETED", ["failure"])

    def addError(self, test, error):
        super().addError(test, error)
        self.entry(test, "COMPLETED", ["error"])

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        self.entry(subtest, "COMPLETED", ["failure"] if error else [])


suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[1] + "_test")
result = unittest.TextTestRunner(resultclass=Result, verbosity=2, failfast=False).run(suite)
kind, _, path = os.environ.get("GTEST_OUTPUT", "").partition(":")
if kind == "json" and path:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"testsuites": [{"testsuite": result.entries}]}, file)
sys.exit(not result.wasSuccessful())
