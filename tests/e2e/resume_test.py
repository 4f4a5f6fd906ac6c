"""Each kind of training stopped at random steps and resumed, and bits of checkpoints changed, a few times;
resume_many.py and bit_flips.py do it often."""

import tempfile
import unittest

import bit_flips
import resume_many

RUNS = 2
FLIPS = 12


class ResumeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="zebra_e2e_")
        cls.workshop = resume_many.Workshop(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check(self, kind):
        tally = resume_many.check_kind(kind, RUNS, 0, self.workshop)
        self.assertEqual(tally.different, [])
        self.assertEqual(tally.same, RUNS)
        self.assertGreater(sum(tally.stops.values()), 0)

    def test_layers(self):
        self.check("ild")

    def test_layers_of_two_students(self):
        self.check("pair")

    def test_distillation(self):
        self.check("kd")

    def test_sft(self):
        self.check("sft")

    def test_dpo(self):
        self.check("dpo")

    def test_damaged_checkpoints(self):
        counts, wrong = bit_flips.sweep("kd", FLIPS, 0, [self.workshop])
        self.assertEqual(wrong, [])
        self.assertEqual(set(counts), {"fell back", "refused"})
