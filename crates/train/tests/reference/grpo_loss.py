"""GRPO's loss and its gradient by the logits, in PyTorch, on random numbers: writes grpo_loss.json beside itself.

Group advantages over measured rewards, clipped ratio at the sampling temperature, mean over all sampled tokens of the
batch, no KL, no entropy. Everything in float64, so that the numbers are the formula's and not the format's.
"""

import json
import pathlib

import torch

CLIP, EPSILON, VOCAB = 0.2, 1e-6, 7


def case(seed: int, temperature: float) -> dict:
    generator = torch.Generator().manual_seed(seed)
    uniform = lambda *shape: torch.rand(*shape, generator=generator, dtype=torch.float64)
    size = 5
    rewards = (uniform(size) * 4).round() / 4
    masked = seed % size
    measured = torch.tensor([at != masked for at in range(size)])
    kept = rewards[measured]
    advantage = (rewards - kept.mean()) / (kept.std() + EPSILON)
    rollout = [at for at in range(size) if at != masked for _ in range(1 + (at + seed) % 3)]
    count = len(rollout)
    logits = (4 * uniform(count, VOCAB) - 2).requires_grad_()
    ids = torch.randint(VOCAB, (count,), generator=generator)
    logprobs = torch.log_softmax(logits / temperature, dim=-1)[torch.arange(count), ids]
    # Probabilities at sampling up to 1.5 times higher or lower than now; as float32, as they are recorded.
    old = (logprobs.detach() + (uniform(count) - 0.5) * 0.8).float().double()
    ratio = torch.exp(logprobs - old)
    token_advantage = advantage[rollout].float().double()
    loss = -torch.minimum(
        ratio * token_advantage, torch.clamp(ratio, 1 - CLIP, 1 + CLIP) * token_advantage
    ).mean()
    loss.backward()
    return {
        "temperature": temperature,
        "rewards": [None if at == masked else float(rewards[at]) for at in range(size)],
        "loss": loss.item(),
        "tokens": [
            {
                "rollout": rollout[at],
                "id": int(ids[at]),
                "old": float(old[at]),
                "logits": logits[at].tolist(),
                "gradient": logits.grad[at].tolist(),
            }
            for at in range(count)
        ],
    }


cases = [case(1, 1.0), case(2, 1.0), case(3, 0.7), case(4, 1.5)]
assert all(len(set(case["rewards"])) > 2 for case in cases), "every group has a difference"
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(cases, indent=1) + "\n")
print(path, [round(case["loss"], 6) for case in cases])
