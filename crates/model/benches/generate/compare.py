"""Runs `bench_generate` and its PyTorch peer in turns on the same weights and prints their ratios.

compare.py PROGRAM [PYTHON] [ROUNDS] [THREADS], with PROGRAM = target/release/examples/bench_generate and PYTHON an
interpreter that has torch. Per cell: tokens a second by the clock and per CPU second (best of each side's rounds),
and whether both wrote the same tokens.
"""
import json
import os
import subprocess
import sys
import tempfile

CELLS = [(shape, batch, prompt, new)
         for shape, new in (("5m", 64), ("135m", 16)) for batch in (1, 16) for prompt in (64, 512)]


def main():
    program = sys.argv[1]
    python = sys.argv[2] if len(sys.argv) > 2 else sys.executable
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    threads = sys.argv[4] if len(sys.argv) > 4 else "2"
    only = sys.argv[5] if len(sys.argv) > 5 else ""
    peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.py")
    print("| shape | batch | prompt | prefill tok/s | peer | ratio | per CPU s | decode tok/s | peer | ratio | per CPU s | same tokens |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for shape, batch, prompt, new in CELLS:
            if not shape.startswith(only):
                continue
            weights = os.path.join(folder, shape)
            numbers = [shape, str(batch), str(prompt), str(new), "2" if shape == "5m" else "1", threads, weights]
            best = ({}, {})
            tokens = [None, None]
            for _ in range(rounds):
                for side, command in enumerate(([program], [python, peer])):
                    out = json.loads(subprocess.run(command + numbers, check=True, capture_output=True).stdout)
                    tokens[side] = out.pop("tokens")
                    for key, value in out.items():
                        best[side][key] = max(best[side].get(key, 0.0), value)
            row = [shape, batch, prompt]
            for what in ("prefill", "decode"):
                ours, theirs = best[0][what], best[1][what]
                cpu = best[0][what + "_cpu"] / best[1][what + "_cpu"]
                row += [f"{ours:.0f}", f"{theirs:.0f}", f"{ours / theirs:.2f}", f"{cpu:.2f}"]
            print("|", " | ".join(map(str, row + ["yes" if tokens[0] == tokens[1] else "no"])), "|", flush=True)


main()
