#!/usr/bin/env python3
"""Makes the state dicts under pickles/, as torch.save itself writes them; src/io/torch_file_test.cpp reads them.

    python tests/golden/make_pickles.py        (torch 2.13)

"a" holds 0, 0.5, 1 .. 5.5 as float32 [3, 4] and "b" holds 0, 1 .. 4 as bfloat16, wherever nothing else is said.
"""
import collections
import os

import torch

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pickles")
A = torch.arange(12.0).view(3, 4) / 2
B = torch.arange(5, dtype=torch.bfloat16)


def save(name, value, **how):
    torch.save(value, os.path.join(HERE, name + ".bin"), **how)


class Both(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Parameter(A.clone()), torch.nn.Parameter(B.clone())
        self.inner = torch.nn.Linear(1, 1, bias=False)  # so that _metadata names two modules
        torch.nn.init.ones_(self.inner.weight)


os.makedirs(HERE, exist_ok=True)
plain = {"a": A, "b": B}
ordered = collections.OrderedDict(plain)
save("module", Both().state_dict())  # an OrderedDict with _metadata
save("ordered", ordered)
save("plain", plain)
for protocol in (3, 4, 5):
    save("protocol%d" % protocol, ordered, pickle_protocol=protocol)
save("parameters", {name: torch.nn.Parameter(value) for name, value in plain.items()})
wide = torch.arange(24.0).view(4, 6) / 4
# a: every other column of three rows, b: the same storage, transposed; c: both again under another name
save("views", {"a": wide[1:, ::2], "b": wide.t(), "tied": wide, "scalar": torch.tensor(7.0), "empty": torch.zeros(0, 3),
               "expanded": torch.tensor([2.0]).expand(3)})
save("types", {str(t).split(".")[1]: torch.tensor([0, 1, 1]).to(t) for t in
               (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
                torch.int8, torch.uint8, torch.bool)})
save("fp8", {"a": A, "w": B.to(torch.float8_e4m3fn)})
save("uint16", {"w": torch.tensor([1, 2], dtype=torch.uint16)})
save("negated", {"a": A, "w": torch._neg_view(A)})
save("sparse", {"w": torch.eye(2).to_sparse()})
save("training", {"state_dict": plain, "epoch": 3})
save("number", {"a": A, "step": 3})
save("list", [A])
save("module_whole", Both)
save("legacy", ordered, _use_new_zipfile_serialization=False)
