"""Compares generation with transformers on a real model, f32, the same weights.

generation.py PROGRAM FOLDER, with PROGRAM = target/release/examples/continue_ids and FOLDER a Hugging Face folder
(say SmolLM2-135M-Instruct). For each prompt: 50 greedy tokens, which must be equal up to the first place where
PyTorch's two best logits are closer than 1e-3, and the logits of all positions of our text, whose largest difference
must be at most 1e-3 of the largest logit. Exits 1 otherwise.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS = [
    "What is the capital of France?",
    "Explain in two sentences what a compiler does.",
    "List the first ten prime numbers.",
    "def fibonacci(n):",
]
NEW = 50


def layout(model):
    """Tensors in the order in which the Rust layout has them."""
    state = model.state_dict()
    yield state["model.embed_tokens.weight"]
    for at in range(model.config.num_hidden_layers):
        names = ["input_layernorm.weight", "self_attn.q_proj.weight", "self_attn.k_proj.weight",
                 "self_attn.v_proj.weight", "self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias",
                 "self_attn.q_norm.weight", "self_attn.k_norm.weight", "self_attn.o_proj.weight",
                 "post_attention_layernorm.weight", "mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"]
        for name in names:
            tensor = state.get(f"model.layers.{at}.{name}")
            if tensor is not None:
                yield tensor
    yield state["model.norm.weight"]
    if not model.config.tie_word_embeddings:
        yield state["lm_head.weight"]


@torch.inference_mode()
def main():
    program, folder = sys.argv[1:3]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        raw, out = os.path.join(scratch, "weights"), os.path.join(scratch, "logits")
        with open(raw, "wb") as file:
            for tensor in layout(model):
                file.write(tensor.numpy().astype("<f4").tobytes())
        for prompt in PROMPTS:
            text = f"<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
            ids = tokenizer(text, add_special_tokens=False).input_ids
            ours = json.loads(subprocess.run(
                [program, os.path.join(folder, "config.json"), raw, str(NEW), out],
                input=json.dumps(ids), text=True, check=True, capture_output=True).stdout)
            logits = model(torch.tensor([ids + ours])).logits[0]
            got = torch.from_numpy(numpy.fromfile(out, dtype="<f4")).view_as(logits)
            relative = ((got - logits).abs().max() / logits.abs().max()).item()
            # As long as all tokens before are equal, PyTorch's logits after our text are those of its own greedy text.
            equal, gap = 0, None
            values, indices = logits[len(ids) - 1:-1].topk(2)
            while equal < NEW and int(indices[equal, 0]) == ours[equal]:
                equal += 1
            if equal < NEW:
                gap = (values[equal, 0] - values[equal, 1]).item()
            fine = relative <= 1e-3 and (equal == NEW or gap < 1e-3)
            wrong += not fine
            print(json.dumps({"prompt": prompt, "relative": relative, "equal": equal,
                              "gap": gap, "text": tokenizer.decode(ours), "fine": fine}), flush=True)
    sys.exit(1 if wrong else 0)


main()
