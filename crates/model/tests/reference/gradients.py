"""Expected numbers for `tests/it/gradients.rs`: logits, loss, every gradient and three steps of AdamW.

The models are those of `transformers`, in double precision; each sequence of the batch runs alone, so that the packed
batch of the Rust side is compared with unpacked ones. Weights are not stored: both sides make them with the same
congruential generator. Run it with torch, transformers and safetensors installed:

    python gradients.py        # writes gradients.safetensors and gradients.json beside itself
"""

import json
import pathlib

import numpy
import torch

# transformers computes norms, rotary angles and softmax in single precision whatever the model's precision is.
torch.float32 = torch.float = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)

import transformers  # noqa: E402  (must see the types above)
from safetensors.numpy import save_file  # noqa: E402

HERE = pathlib.Path(__file__).parent
COMMON = dict(
    vocab_size=29, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, rms_norm_eps=1e-5, max_position_embeddings=64, hidden_act="silu",
    attention_dropout=0.0,
)
CONFIGS = {
    "llama": dict(COMMON, model_type="llama", rope_theta=10000.0, tie_word_embeddings=True),
    "llama3": dict(
        COMMON, model_type="llama", rope_theta=500.0, tie_word_embeddings=False,
        rope_scaling=dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
                          original_max_position_embeddings=16),
    ),
    "qwen2": dict(
        COMMON, model_type="qwen2", rope_theta=1000.0, tie_word_embeddings=False,
        rope_scaling=dict(rope_type="linear", factor=2.0),
    ),
    "qwen3": dict(COMMON, model_type="qwen3", rope_theta=1000.0, tie_word_embeddings=True, head_dim=6),
}
LENGTHS = [9, 1, 14]


class Generator:
    """x <- 1664525 x + 1013904223 (mod 2^32); numbers in [-1, 1) of 24 bits."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state

    def unit(self):
        return (self.next() >> 8) / 2**23 - 1.0


def fill(model, names):
    generator = Generator(7)
    state = dict(model.named_parameters())
    with torch.no_grad():
        for name in names:
            parameter = state[name]
            values = torch.tensor([generator.unit() for _ in range(parameter.numel())])
            if name.endswith("norm.weight"):
                values = 1.0 + values / 4
            elif parameter.dim() > 1:
                values = values / 2
            parameter.copy_(values.reshape(parameter.shape))


def batch():
    generator = Generator(11)
    ids = [[(generator.next() >> 8) % 29 for _ in range(length)] for length in LENGTHS]
    # A third is not learned on, the rest counts differently.
    weights = [[((generator.next() >> 8) % 3) / 2 for _ in range(length)] for length in LENGTHS]
    return ids, weights


def loss_of(model, ids, weights):
    total = 0.0
    logits = []
    for sequence, weight in zip(ids, weights):
        out = model(input_ids=torch.tensor([sequence]), use_cache=False).logits[0]
        logits.append(out)
        logprobs = torch.log_softmax(out[:-1], dim=-1)
        for position in range(1, len(sequence)):
            total = total - weight[position] * logprobs[position - 1, sequence[position]]
    return total, torch.cat(logits)


def main():
    tensors, record = {}, {}
    for name, fields in CONFIGS.items():
        config = transformers.AutoConfig.for_model(**fields)
        config._attn_implementation = "sdpa"
        model = transformers.AutoModelForCausalLM.from_config(config).double().train()
        assert all(p.dtype == torch.float64 for p in list(model.parameters()) + list(model.buffers()))
        # The order of the Rust layout: within a layer by name as listed there.
        names = [n for n, _ in model.named_parameters()]
        order = ["input_layernorm", "q_proj.weight", "k_proj.weight", "v_proj.weight", "q_proj.bias", "k_proj.bias",
                 "v_proj.bias", "q_norm", "k_norm", "o_proj", "post_attention_layernorm", "gate", "up_proj", "down"]
        rank = lambda n: (0 if "embed" in n else 1 if ".layers." in n else 2 if "norm" in n else 3,  # noqa: E731
                          int(n.split(".")[2]) if ".layers." in n else 0,
                          next((i for i, part in enumerate(order) if part in n), 0))
        names.sort(key=rank)
        fill(model, names)
        ids, weights = batch()
        parameters = dict(model.named_parameters())
        groups = [
            dict(params=[parameters[n] for n in names if parameters[n].dim() > 1], weight_decay=0.1),
            dict(params=[parameters[n] for n in names if parameters[n].dim() == 1], weight_decay=0.0),
        ]
        optimiser = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95), eps=1e-8)
        losses, norms = [], []
        for step in range(3):
            optimiser.zero_grad()
            loss, logits = loss_of(model, ids, weights)
            loss.backward()
            losses.append(loss.item())
            if step == 0:
                tensors[f"{name}/logits"] = logits.detach()
                for n in names:
                    tensors[f"{name}/gradient/{n}"] = parameters[n].grad.clone()
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
            optimiser.step()
        loss, _ = loss_of(model, ids, weights)
        losses.append(loss.item())
        for n in names:
            tensors[f"{name}/stepped/{n}"] = parameters[n].detach().clone()
        record[name] = dict(config=fields, ids=ids, weights=weights, losses=losses, norms=norms, names=names)
    save_file({k: v.detach().numpy().astype(numpy.float32) for k, v in tensors.items()}, HERE / "gradients.safetensors")
    (HERE / "gradients.json").write_text(json.dumps(record) + "\n")
    print({name: (one["losses"], one["norms"]) for name, one in record.items()})


if __name__ == "__main__":
    main()
