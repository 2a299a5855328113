"""Training speed of the Rust decoder against PyTorch's: same weights, tokens and threads, runs in turn.

    cargo build --release -p astra-model --example bench_train
    python crates/model/benches/train/compare.py target/release/examples/bench_train [SHAPE …] [--rounds N] [--lora RANK] [--bf16]

Needs torch and numpy. PyTorch runs twice in each round: as it is, and with glibc's malloc told to keep its memory,
which saves it page faults. `--bf16`: ours as it is and with `--bf16`, PyTorch under autocast. Prints every run, and the medians and ratios at the end; more than 1 is in our favour
for tokens/s, less than 1 for memory and CPU time.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

KEEP = "glibc.malloc.mmap_max=0:glibc.malloc.mmap_threshold=68719476736:glibc.malloc.trim_threshold=68719476736"
PEER = pathlib.Path(__file__).with_name("peer.py")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("shapes", nargs="*", default=["5m", "135m"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lora", type=int, default=0)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    for shape in options.shapes or ["5m", "135m"]:
        compare(options, shape)


def compare(options, shape):
    common = ["--steps", str(options.steps), "--threads", str(options.threads)]
    common += ["--lora", str(options.lora)] if options.lora else []
    bf16 = ["--bf16"] if options.bf16 else []
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights.f32")
        subprocess.run([options.program, shape, "--dump-weights", weights], check=True)
        ours, peer = [options.program, shape, *common], [sys.executable, str(PEER), shape, weights, *common, *bf16]
        runs = {
            "astra": ([*ours, *bf16], {}),
            "astra, checkpointing": ([*ours, *bf16, "--checkpointing"], {}),
            **({"astra, f32": (ours, {})} if bf16 else {}),
            "pytorch": (peer, {}),
            "pytorch, malloc keeps": (peer, {"GLIBC_TUNABLES": KEEP}),
        }
        results = {name: [] for name in runs}
        for round in range(options.rounds):
            for name, (command, environment) in runs.items():
                done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
                result = json.loads(done.stdout)
                results[name].append(result)
                short = {key: value for key, value in result.items() if key != "losses"}
                print(shape, round, name, short, "loss", [round_to(x) for x in result["losses"][:4]], flush=True)
    fields = ["tokens_per_s", "best_tokens_per_s", "cpu_s_per_step", "peak_mib"]
    medians = {n: {f: statistics.median(r[f] for r in rs) for f in fields} for n, rs in results.items()}
    print(f"\n{shape}, {options.threads} threads, lora rank {options.lora}, medians of {options.rounds} rounds")
    for name, median in medians.items():
        print(f"  {name:24}", *(f"{field} {value:10.2f} " for field, value in median.items()))
    for name in ("pytorch", "pytorch, malloc keeps"):
        ratios = (f"{field} {medians['astra'][field] / medians[name][field]:5.2f} " for field in fields)
        print(f"  astra / {name:24}", *ratios)
    print()


def round_to(x):
    return float(f"{x:.7g}")


if __name__ == "__main__":
    main()
