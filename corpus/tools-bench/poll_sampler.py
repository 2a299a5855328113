import random
from statistics import NormalDist
from typing import Sequence

MEMBERS = [f"M{n:03d}" for n in range(1, 121)]
STRATA = {"junior": MEMBERS[:50], "adult": MEMBERS[50:100], "senior": MEMBERS[100:]}


def _share(pool: Sequence[str], size: int, rng: random.Random) -> list:
    return sorted(rng.sample(list(pool), k=min(size, len(pool))))


def sample_members(size: int, stratified: bool = False, seed: int = 42, confidence: float = 0.95) -> dict:
    """Draw a reproducible sample of members and state its margin of error."""
    if not 1 <= size <= len(MEMBERS):
        raise ValueError(f"size must be between 1 and {len(MEMBERS)}")
    if not 0.5 <= confidence < 1:
        raise ValueError("confidence must be in [0.5, 1)")
    rng = random.Random(seed)
    if stratified:
        sample = {name: _share(pool, round(size * len(pool) / len(MEMBERS)), rng) for name, pool in STRATA.items()}
        drawn = sum(len(part) for part in sample.values())
    else:
        sample = _share(MEMBERS, size, rng)
        drawn = len(sample)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    finite = ((len(MEMBERS) - drawn) / (len(MEMBERS) - 1)) ** 0.5
    return {"sample": sample, "drawn": drawn, "margin_percent": round(100 * z * 0.5 / drawn**0.5 * finite, 2)}
