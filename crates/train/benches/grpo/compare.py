"""Throughput of GRPO in arenas: `astra train grpo` against TRL's `GRPOTrainer`, one after the other.

    cargo build --release -p astra-cli
    astra envs from-tables tables --language en --max-hops 2 --count 64 --seed 7 --out arenas
    python crates/train/benches/grpo/compare.py arenas models/nano --astra target/release/astra [--steps N …]

The interpreter needs torch, transformers, trl and datasets. Both sides train the same weights in the same arenas: steps ×
groups × group size episodes, no irrelevant tools, no injected failures, the same limits of turns and of tokens a turn, the
same text before the first turn, temperature 1, one update a step. Prints one JSON object: for each side episodes and
sampled tokens a second by the clock (the first step, which warms up, is left out where there is another), CPU seconds an
episode of the whole process with all its children, peak memory of its largest process, and the ratios of the first over
the second; more than 1 is in favour of astra for rates, less than 1 for CPU time and memory.

What differs, beyond the engines:

- Each side samples its own tokens, so episodes differ in length, the more so the more the two have learned; both say
  tokens, calls and reward an episode.
- TRL runs tools in a plain Python process an episode, unconfined and without limits; astra's are confined.
- TRL has every sequence of a batch generate together and waits for the longest of each turn; every turn reads its whole
  history anew, because `generate` keeps no cache between calls. It calls tools one after the other.
- TRL pads what it learns from, and learns from `--micro-batch` episodes at a time; astra from 8,192 tokens.
- The peer's reward is a short form (see peer.py). TRL learns from groups of equal rewards too, with advantage 0; so does
  astra here (`--no-filling`), except in a step whose groups are all equal, which it does not learn from.
- astra writes metrics and a checkpoint at the end, TRL writes nothing. Neither is within a step.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from peer import options

PEER = pathlib.Path(__file__).with_name("peer.py")


def run(command, environment):
    """Its output, and what it and its children used."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, env={**os.environ, **environment})
        _, status, used = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
        said.seek(0)
        return said.read(), {"process_seconds": time.perf_counter() - began, "cpu_seconds": used.ru_utime + used.ru_stime,
                             "peak_mib": used.ru_maxrss / 1024}


def astra(given):
    with tempfile.TemporaryDirectory() as folder:
        command = [given.astra, "train", "grpo", given.arenas, "--model", given.model, "--out", folder + "/run",
                   "--steps", given.steps, "--groups", given.groups, "--group-size", given.group_size,
                   "--max-turns", given.max_turns, "--max-turn-tokens", given.max_turn_tokens, "--lr", given.lr,
                   "--max-staleness", 0, "--no-filling", "--limit", given.limit, "--checkpoint-every", given.steps,
                   "--threads", given.threads, "--seed", given.seed, "--quiet"]
        _, used = run([str(part) for part in command], {})
        steps = []
        for line in pathlib.Path(folder, "run", "metrics.jsonl").read_text().splitlines():
            line = json.loads(line)
            steps.append({"seconds": line["seconds"], "episodes": line["rollouts"],
                          "tokens": line["tokens_per_second"] * line["seconds"], "reward": line["reward"],
                          "calls": line["calls"]})
        return steps, used


def trl(given):
    names = ["steps", "groups", "group_size", "max_turns", "max_turn_tokens", "threads", "lr", "seed", "limit", "micro_batch"]
    command = [sys.executable, PEER, given.arenas, given.model]
    for name in names:
        command += ["--" + name.replace("_", "-"), getattr(given, name)]
    said, used = run([str(part) for part in command], {"OMP_NUM_THREADS": str(given.threads)})
    return json.loads(said.splitlines()[-1])["steps"], used


def summary(steps, used):
    counted = steps[1:] or steps
    seconds, episodes, tokens = (sum(one[name] for one in counted) for name in ("seconds", "episodes", "tokens"))
    mean = {name: sum(one[name] for one in counted) / len(counted) for name in ("reward", "calls")}
    return {"episodes_per_s": episodes / seconds, "tokens_per_s": tokens / seconds,
            "cpu_s_per_episode": used["cpu_seconds"] / sum(one["episodes"] for one in steps), "peak_mib": used["peak_mib"],
            "tokens_per_episode": tokens / episodes, "calls_per_episode": mean["calls"], "reward": mean["reward"],
            "seconds_a_step": [round(one["seconds"], 3) for one in steps], "process_s": used["process_seconds"]}


def main():
    parser = options()
    parser.add_argument("--astra", default="target/release/astra", help="the program")
    given = parser.parse_args()
    sides = {}
    for side in (astra, trl):
        sides[side.__name__] = summary(*side(given))
        print(side.__name__, json.dumps(sides[side.__name__]), file=sys.stderr, flush=True)
    compared = ("episodes_per_s", "tokens_per_s", "cpu_s_per_episode", "peak_mib")
    ratio = {name: sides["astra"][name] / sides["trl"][name] for name in compared}
    settings = {name: value for name, value in vars(given).items() if name != "prompts"}
    print(json.dumps({"settings": settings, **sides, "ratio": ratio}, indent=1))


if __name__ == "__main__":
    main()
