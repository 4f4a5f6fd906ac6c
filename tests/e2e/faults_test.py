"""Faults of the disk at a few of the calls that tests/faults/sweep.py goes through."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))
import sweep  # noqa: E402


class FaultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="zebra_e2e_")
        cls.addClassCleanup(cls.folder.cleanup)
        library = sweep.build_library(cls.folder.name)
        if not library:
            raise unittest.SkipTest("there is no C compiler")
        cls.bench = sweep.Bench(cls.folder.name, library)

    def check(self, verb, count, **options):
        """`count` trials, spread over the calls, the last renames and exchanges among them."""
        each = sweep.Sweep(self.bench, verb, **options)
        calls = len(each.calls)
        self.assertGreater(calls, 20)
        numbers = {1 + i * (calls - 1) // (count - 1) for i in range(count)}
        ends = [i + 1 for i, (call, path) in enumerate(each.calls) if call in ("rename", "exchange")]
        numbers.update(ends[-2:])
        numbers.add(calls - 3)  # where a training removes its last checkpoint
        for i, number in enumerate(sorted(numbers)):
            kind = sweep.KINDS[i % len(sweep.KINDS)]
            with self.subTest(kind=kind, call=each.calls[number - 1]):
                self.assertEqual(each.one(kind, number)[1], "")

    def test_export(self):
        self.check("export", 6)

    def test_export_where_names_cannot_be_exchanged(self):
        self.check("export", 3, exchange=False)

    def test_conversion(self):
        self.check("convert", 4, has_output=False)

    def test_distillation(self):
        self.check("distill", 6)
