"""The PyTorch side of `compare.py`: the same decoder, weights, tokens and optimiser as `examples/bench_train.rs`.

Written as one would write it: SDPA, fused AdamW, clip_grad_norm_, tied embeddings. Prints one line of JSON.

    peer.py SHAPE WEIGHTS [--threads N] [--steps N] [--lora RANK] [--bf16]
"""

import argparse
import json
import resource
import time

import numpy
import torch
import torch.nn.functional as F

SHAPES = {  # vocab, hidden, inner, layers, heads, kv heads, head width, sequences
    "5m": (2048, 256, 768, 6, 8, 4, 32, 8),
    "135m": (49152, 576, 1536, 30, 9, 3, 64, 1),
}


class Linear(torch.nn.Linear):
    def __init__(self, inputs, outputs, rank):
        super().__init__(inputs, outputs, bias=False)
        self.rank = rank
        if rank:
            self.weight.requires_grad_(False)
            self.lora_a = torch.nn.Parameter(torch.rand(rank, inputs) * 2 * inputs**-0.5 - inputs**-0.5)
            self.lora_b = torch.nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, x):
        y = super().forward(x)
        return y + F.linear(F.linear(x, self.lora_a), self.lora_b) * (32 / self.rank) if self.rank else y


class Block(torch.nn.Module):
    def __init__(self, shape, rank):
        super().__init__()
        _, hidden, inner, _, self.heads, self.keys, self.width, _ = shape
        self.norm1 = torch.nn.Parameter(torch.ones(hidden), requires_grad=not rank)
        self.q = Linear(hidden, self.heads * self.width, rank)
        self.k = Linear(hidden, self.keys * self.width, rank)
        self.v = Linear(hidden, self.keys * self.width, rank)
        self.o = Linear(self.heads * self.width, hidden, rank)
        self.norm2 = torch.nn.Parameter(torch.ones(hidden), requires_grad=not rank)
        self.gate = Linear(hidden, inner, rank)
        self.up = Linear(hidden, inner, rank)
        self.down = Linear(inner, hidden, rank)

    def forward(self, x, cos, sin):
        batch, length, hidden = x.shape
        n = F.rms_norm(x, (hidden,), self.norm1, 1e-5)
        q = self.q(n).view(batch, length, self.heads, self.width).transpose(1, 2)
        k = self.k(n).view(batch, length, self.keys, self.width).transpose(1, 2)
        v = self.v(n).view(batch, length, self.keys, self.width).transpose(1, 2)

        def rotate(t):
            low, high = t.chunk(2, dim=-1)
            return t * cos + torch.cat((-high, low), dim=-1) * sin

        q, k = rotate(q), rotate(k)
        group = self.heads // self.keys
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(batch, length, -1))
        n = F.rms_norm(x, (hidden,), self.norm2, 1e-5)
        return x + self.down(F.silu(self.gate(n)) * self.up(n))


class Decoder(torch.nn.Module):
    def __init__(self, shape, rank):
        super().__init__()
        self.embedding = torch.nn.Parameter(torch.empty(shape[0], shape[1]), requires_grad=not rank)
        self.blocks = torch.nn.ModuleList(Block(shape, rank) for _ in range(shape[3]))
        self.norm = torch.nn.Parameter(torch.ones(shape[1]), requires_grad=not rank)
        angles = torch.outer(torch.arange(512.0), 10000.0 ** (-torch.arange(0, shape[6], 2) / shape[6]))
        self.cos, self.sin = torch.cat((angles, angles), -1).cos(), torch.cat((angles, angles), -1).sin()

    def forward(self, ids):
        x = F.embedding(ids, self.embedding)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return F.linear(F.rms_norm(x, (x.shape[-1],), self.norm, 1e-5), self.embedding)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("weights")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--lora", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    shape = SHAPES[options.shape]
    model = Decoder(shape, options.lora)
    data, at = numpy.memmap(options.weights, dtype=numpy.float32, mode="r"), 0
    with torch.no_grad():
        block_order = ["norm1", "q.weight", "k.weight", "v.weight", "o.weight", "norm2", "gate.weight", "up.weight", "down.weight"]
        named = dict(model.named_parameters())
        names = ["embedding"] + [f"blocks.{i}.{n}" for i in range(shape[3]) for n in block_order] + ["norm"]
        for name in names:
            parameter = named[name]
            parameter.copy_(torch.from_numpy(data[at : at + parameter.numel()].copy()).view(parameter.shape))
            at += parameter.numel()
    assert at == len(data)
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        dict(params=[p for p in trained if p.dim() > 1], weight_decay=0.01),
        dict(params=[p for p in trained if p.dim() == 1], weight_decay=0.0),
    ]
    optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=1e-3, fused=True)
    index = torch.arange(512)
    ids = torch.stack([(index * index * 7 + index * 31 + s * 131) % shape[0] for s in range(shape[7])])
    losses, times, cpu = [], [], []
    for _ in range(options.steps + 1):
        start, before = time.perf_counter(), time.process_time()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
            loss = F.cross_entropy(model(ids)[:, :-1].reshape(-1, shape[0]), ids[:, 1:].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - before)
    ordered = sorted(times[1:])
    tokens = ids.numel()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(dict(
        tokens_per_s=round(tokens / ordered[len(ordered) // 2], 1), best_tokens_per_s=round(tokens / ordered[0], 1),
        cpu_s_per_step=round(sum(cpu[1:]) / options.steps, 4), peak_mib=round(peak), losses=losses)))


if __name__ == "__main__":
    main()
