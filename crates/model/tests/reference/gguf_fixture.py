"""Writes tiny GGUF files with the `gguf` package, and what that package dequantises them to.

    python gguf_fixture.py            # beside itself: gguf_tiny.gguf, gguf_tiny.json

One Llama of two layers whose matrices are stored in all types that we read; a checksum of expected numbers is exact:
f32 bits, summed as integers with their position, beside the first numbers for people.
"""

import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf import GGUFReader, GGUFWriter
from gguf.quants import dequantize, quantize

HERE = Path(__file__).parent
HIDDEN, INNER, HEADS, KV_HEADS, HEAD_DIM, LAYERS = 32, 256, 4, 2, 8, 1
rng = np.random.default_rng(7)

alphabet = [chr(c) for c in [*range(33, 127), *range(161, 173), *range(174, 256)]]
alphabet += [chr(256 + n) for n in range(256 - len(alphabet))]
tokens = ["<|endoftext|>", *alphabet, "\u0120t", "he", "\u0120the"]
merges = ["\u0120 t", "h e", "\u0120t he"]
writer = GGUFWriter(HERE / "gguf_tiny.gguf", "llama")
writer.add_block_count(LAYERS)
writer.add_context_length(64)
writer.add_embedding_length(HIDDEN)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KV_HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_freq_base(10000.0)
writer.add_rope_dimension_count(HEAD_DIM)
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("smollm")
writer.add_token_list(tokens)
writer.add_token_types([3] + [1] * (len(tokens) - 1))
writer.add_token_merges(merges)
writer.add_eos_token_id(0)
writer.add_chat_template("{{ messages[0]['content'] }}")


def q6_k(rows, columns):
    """Blocks of random bits under a plain scale; the package reads this type and does not write it."""
    blocks = rows * columns // 256
    raw = rng.integers(0, 256, (blocks, 210), dtype=np.uint8)
    raw[:, 208:] = np.array([0.001953125], np.float16).view(np.uint8)
    return raw.reshape(rows, columns // 256 * 210)


plain = {"token_embd": (T.Q8_0, (len(tokens), HIDDEN)), "output_norm": (T.F32, (HIDDEN,)),
         "blk.0.attn_norm": (T.F32, (HIDDEN,)), "blk.0.attn_q": (T.Q4_1, (HEADS * HEAD_DIM, HIDDEN)),
         "blk.0.attn_k": (T.F16, (KV_HEADS * HEAD_DIM, HIDDEN)), "blk.0.attn_v": (T.Q8_0, (KV_HEADS * HEAD_DIM, HIDDEN)),
         "blk.0.attn_output": (T.Q4_1, (HIDDEN, HEADS * HEAD_DIM)), "blk.0.ffn_norm": (T.F32, (HIDDEN,)),
         "blk.0.ffn_gate": (T.BF16, (INNER, HIDDEN)), "blk.0.ffn_up": (T.Q8_0, (INNER, HIDDEN)),
         "blk.0.ffn_down": (T.Q6_K, (HIDDEN, INNER))}
for name, (kind, shape) in plain.items():
    if kind == T.Q6_K:
        data = q6_k(*shape)
    else:
        data = quantize(rng.normal(0, 0.5, shape).astype(np.float32), kind)
    writer.add_tensor(name + ".weight", data, raw_dtype=kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

PARTS = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
         "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
expected = {}
for tensor in GGUFReader(HERE / "gguf_tiny.gguf").tensors:
    numbers = dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(tensor.shape[::-1].tolist())
    name = tensor.name.removesuffix(".weight")
    if name.startswith("blk."):
        part = name.split(".")[2]
        if part in ("attn_q", "attn_k"):
            numbers = numbers.reshape(-1, HEAD_DIM // 2, 2, HIDDEN).swapaxes(1, 2).reshape(-1, HIDDEN)
        name = "model.layers.0." + PARTS[part]
    else:
        name = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}[name]
    bits = np.ascontiguousarray(numbers).view(np.uint32).reshape(-1).astype(object)
    checksum = sum((at + 1) * int(value) for at, value in enumerate(bits)) % 2**64
    expected[name + ".weight"] = {"checksum": str(checksum), "first": [float(x) for x in numbers.reshape(-1)[:4]]}
(HERE / "gguf_tiny.json").write_text(json.dumps(expected, indent=1) + "\n")
