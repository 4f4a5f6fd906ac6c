"""Loads a folder that zebra wrote with AMD's own code and compares logits with those of `zebra logits`.

usage: amd_logits.py zebra|xecomla FOLDER ZEBRA_PROGRAM
Needs, outside this repository: $AMD (AMD-AGI/AMD-Hybrid-Models unpacked), $SHIM (CPU stand-ins for its GPU packages:
mamba_ssm, causal_conv1d), and a Python with torch, transformers 4.46.3, einops and safetensors.
"""
import os
import shutil
import subprocess
import sys
import tempfile

kind, folder, zebra = sys.argv[1:4]
package = os.path.join(os.environ["AMD"], {"zebra": "Zebra-Llama", "xecomla": "X-EcoMLA"}[kind])
work = tempfile.mkdtemp()
source = os.path.join(work, "amd")
shutil.copytree(package, source)
# Its modules name the GPU as the default device; on a machine without one the same code runs on the CPU.
for place, _, files in os.walk(source):
    for name in files:
        if name.endswith(".py"):
            path = os.path.join(place, name)
            text = open(path).read().replace('device="cuda"', 'device="cpu"')
            text = text.replace("deepseek_cfg: DeepseekV3Config = DeepseekV3Config()", "deepseek_cfg: DeepseekV3Config = None")
            open(path, "w").write(text)
sys.path[:0] = [os.environ["SHIM"], source]

import torch
import torch.nn.functional as F
import transformers.pytorch_utils
from safetensors.torch import load_file, save_file

transformers.pytorch_utils.is_torch_greater_or_equal_than_1_13 = True
torch.nn.Module.cuda = lambda self, *a, **k: self


def flash_attn_func(q, k, v, dropout=0.0, softmax_scale=None, causal=False):
    q, k, v = (t.transpose(1, 2).double() for t in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, scale=softmax_scale, is_causal=causal).transpose(1, 2).to(torch.float32)


if kind == "zebra":
    import hybrid.mla.hybrid_mla_layer as layer
    from hybrid.hybrid_wrapper import HybridModelWrapper as Wrapper
else:
    import mla.hybrid_mla_layer as layer
    from mla.hybrid_wrapper import MLATransformerHybridModelWrapper as Wrapper
layer.flash_attn_func = flash_attn_func

model = Wrapper.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="sdpa").model.eval()
if model.config.tie_word_embeddings:
    model.tie_weights()
# Their loader is not strict: a name it does not know would pass silently, so check ours here.
state = {k for k in model.state_dict() if "rotary" not in k}
import glob
ours = set().union(*(load_file(f).keys() for f in glob.glob(folder + "/*.safetensors")))
assert ours <= state and state - ours <= {"lm_head.weight"}, (sorted(ours - state), sorted(state - ours))

ids = torch.randint(0, model.config.vocab_size, (3, 61), generator=torch.Generator().manual_seed(7))
save_file({"input_ids": ids}, work + "/ids.safetensors")
subprocess.run([zebra, "logits", folder, "--ids", work + "/ids.safetensors", "--out", work + "/out.safetensors"], check=True)
with torch.no_grad():
    theirs = model(ids).logits.float()
difference = (theirs - load_file(work + "/out.safetensors")["logits"]).abs().max().item()
print(f"{folder}: largest logit difference {difference:.2e}, logits of size {theirs.std().item():.2f}")
shutil.rmtree(work)
sys.exit(difference > 2e-4)
