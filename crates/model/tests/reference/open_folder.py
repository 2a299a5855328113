"""What a folder of ours looks like from the other side: transformers opens it and continues a text; and where it was
made of a GGUF file, every tensor equals what the `gguf` package dequantises, to the bit.

    python open_folder.py FOLDER [FILE.gguf]
"""

import sys

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder = sys.argv[1]
model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
problems = {name: list(found) for name, found in report.items() if found}
print("loading problems:", problems or "none")
if len(sys.argv) > 2:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(sys.argv[2])
    scalar = {name: field.contents() for name, field in reader.fields.items() if len(field.data) == 1}
    architecture = scalar["general.architecture"]
    heads = {"attn_q": scalar[f"{architecture}.attention.head_count"],
             "attn_k": scalar[f"{architecture}.attention.head_count_kv"]}
    parts = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    whole = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    ours, compared, unequal = model.state_dict(), 0, []
    for tensor in reader.tensors:
        expected = dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(tensor.shape[::-1].tolist())
        name = tensor.name.removesuffix(".weight")
        if name in whole:
            name = whole[name]
        else:
            _, layer, part = name.split(".")
            if architecture == "llama" and part in heads:
                shape = expected.shape
                expected = expected.reshape(heads[part], -1, 2, shape[-1]).swapaxes(1, 2).reshape(shape)
            name = f"model.layers.{layer}.{parts[part]}"
        found = ours[name + ".weight"].numpy()
        if found.shape != expected.shape or (found.view(np.uint32) != expected.view(np.uint32)).any():
            unequal.append(tensor.name)
        compared += 1
    print(f"tensors compared with the gguf package: {compared}, unequal to the bit: {unequal or 'none'}")
tokenizer = AutoTokenizer.from_pretrained(folder)
print("tokenizer:", type(tokenizer).__name__, len(tokenizer))
if tokenizer.chat_template:
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    answer = model.generate(**inputs, max_new_tokens=12, do_sample=False)
    print(repr(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:])))
