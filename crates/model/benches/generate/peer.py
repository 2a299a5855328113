"""The same work as `examples/bench_generate.rs` in PyTorch: a plain loop with a key-value cache and SDPA, f32.

peer.py SHAPE BATCH PROMPT NEW REPEATS THREADS WEIGHTS, with WEIGHTS as the Rust program wrote them.
Prints one JSON object. The cache is allocated once and read as slices (faster than concatenating).
"""
import json
import sys
import time

import numpy
import torch
import torch.nn.functional as F

SHAPES = {
    "5m": dict(V=2048, d=256, ffn=768, L=6, h=8, kv=4, theta=10000.0),
    "135m": dict(V=49152, d=576, ffn=1536, L=30, h=9, kv=3, theta=100000.0),
}


def tensors(s, path):
    """The tensors in the order of the Rust layout."""
    data = torch.from_numpy(numpy.fromfile(path, dtype="<f4"))
    at = 0

    def take(*shape):
        nonlocal at
        n = int(numpy.prod(shape))
        out = data[at:at + n].view(*shape)
        at += n
        return out.clone()

    hd = s["d"] // s["h"]
    w = {"embed": take(s["V"], s["d"]), "layers": []}
    for _ in range(s["L"]):
        w["layers"].append(dict(
            n1=take(s["d"]), q=take(s["h"] * hd, s["d"]), k=take(s["kv"] * hd, s["d"]), v=take(s["kv"] * hd, s["d"]),
            o=take(s["d"], s["h"] * hd), n2=take(s["d"]), gate=take(s["ffn"], s["d"]), up=take(s["ffn"], s["d"]),
            down=take(s["d"], s["ffn"])))
    w["norm"] = take(s["d"])
    assert at == data.numel()
    return w


def forward(w, s, ids, start, cache, cos, sin):
    B, T = ids.shape
    h, kv = s["h"], s["kv"]
    hd = s["d"] // h
    c, si = cos[start:start + T], sin[start:start + T]

    def rope(x):
        a, b = x.chunk(2, dim=-1)
        return x * c + torch.cat((-b, a), dim=-1) * si

    x = F.embedding(ids, w["embed"])
    for layer, (ck, cv) in zip(w["layers"], cache):
        n = F.rms_norm(x, (s["d"],), layer["n1"], 1e-5)
        q = rope(F.linear(n, layer["q"]).view(B, T, h, hd).transpose(1, 2))
        ck[:, :, start:start + T] = rope(F.linear(n, layer["k"]).view(B, T, kv, hd).transpose(1, 2))
        cv[:, :, start:start + T] = F.linear(n, layer["v"]).view(B, T, kv, hd).transpose(1, 2)
        k = ck[:, :, :start + T].repeat_interleave(h // kv, dim=1)
        v = cv[:, :, :start + T].repeat_interleave(h // kv, dim=1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
        x = x + F.linear(a.transpose(1, 2).reshape(B, T, s["d"]), layer["o"])
        n = F.rms_norm(x, (s["d"],), layer["n2"], 1e-5)
        x = x + F.linear(F.silu(F.linear(n, layer["gate"])) * F.linear(n, layer["up"]), layer["down"])
    return F.linear(F.rms_norm(x[:, -1], (s["d"],), w["norm"], 1e-5), w["embed"])


def clocks():
    return time.perf_counter(), time.process_time()


@torch.inference_mode()
def main():
    name, batch, prompt, new, repeats, threads = sys.argv[1], *map(int, sys.argv[2:7])
    torch.set_num_threads(threads)
    s = SHAPES[name]
    w = tensors(s, sys.argv[7])
    hd = s["d"] // s["h"]
    total = prompt + new + 1
    angles = torch.outer(torch.arange(total, dtype=torch.float64),
                         s["theta"] ** (-torch.arange(0, hd, 2, dtype=torch.float64) / hd))
    cos, sin = (torch.cat((f(angles), f(angles)), -1).float() for f in (torch.cos, torch.sin))
    ids = torch.tensor([[(i * 7919 + b * 104729 + 13) % s["V"] for i in range(prompt)] for b in range(batch)])
    prefill, decode = [], []
    cache = [tuple(torch.zeros(batch, s["kv"], total, hd) for _ in range(2)) for _ in range(s["L"])]
    def rate(tokens, begin):
        return [tokens / (now - then) for now, then in zip(clocks(), begin)]

    for _ in range(repeats + 1):
        begin = clocks()
        token = forward(w, s, ids, 0, cache, cos, sin).argmax(-1)
        prefill.append(rate(batch * prompt, begin))
        written = [int(token[0])]
        begin = clocks()
        for step in range(new):
            token = forward(w, s, token[:, None], prompt + step, cache, cos, sin).argmax(-1)
            written.append(int(token[0]))
        decode.append(rate(batch * new, begin))
    best = [max(one[which] for one in rates[1:]) for which in (0, 1) for rates in (prefill, decode)]
    print(json.dumps(dict(zip(["prefill", "decode", "prefill_cpu", "decode_cpu"], best), tokens=written)))


main()
