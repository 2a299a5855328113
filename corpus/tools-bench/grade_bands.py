import bisect
import statistics
from typing import List, Union

BOUNDARIES = [50, 60, 70, 80, 90]
LETTERS = "FEDCBA"


def letter_grade(scores: List[Union[int, float]], weights: List[float] = None, curve: float = 0) -> dict:
    """Turn the scores of one student into a weighted average and a letter grade."""
    if not scores:
        return {"error": "scores must not be empty"}
    if any(not 0 <= score <= 100 for score in scores):
        return {"error": "scores must be between 0 and 100", "bad": [s for s in scores if not 0 <= s <= 100]}
    weights = weights or [1] * len(scores)
    if len(weights) != len(scores):
        return {"error": f"{len(scores)} scores but {len(weights)} weights"}
    average = sum(s * w for s, w in zip(scores, weights)) / sum(weights) + curve
    average = min(100.0, average)
    return {
        "average": round(average, 2),
        "letter": LETTERS[bisect.bisect_right(BOUNDARIES, average)],
        "spread": round(statistics.pstdev(scores), 3),
        "quartiles": [round(q, 2) for q in statistics.quantiles(scores, n=4)] if len(scores) > 1 else [],
    }
