from collections import Counter
from typing import List

BALLOTS: List[List[str]] = (
    [["Amaro", "Bell", "Cho"]] * 8 + [["Bell", "Cho", "Amaro"]] * 5 + [["Cho", "Bell", "Amaro"]] * 6
    + [["Dorn", "Bell"]] * 2 + [["Dorn", "Cho", "Amaro"]] * 1
)


class CountingError(Exception):
    pass


def _instant_runoff(ballots, seats_open=1):
    remaining = set(name for ballot in ballots for name in ballot)
    rounds = []
    while True:
        tally = Counter({name: 0 for name in remaining})
        for ballot in ballots:
            choice = next((name for name in ballot if name in remaining), None)
            if choice:
                tally[choice] += 1
        rounds.append(dict(sorted(tally.items())))
        leader, votes = max(tally.items(), key=lambda item: (item[1], item[0]))
        if votes * 2 > sum(tally.values()) or len(remaining) <= 2:
            return leader, rounds
        remaining.discard(min(tally, key=lambda name: (tally[name], name)))


def count_votes(method: str = "plurality", exclude: List[str] = None) -> dict:
    """Count the ballots by plurality, borda or instant_runoff."""
    exclude = set(exclude or [])
    ballots = [[name for name in ballot if name not in exclude] for ballot in BALLOTS]
    ballots = [ballot for ballot in ballots if ballot]
    if not ballots:
        raise CountingError("no ballots are left")
    if method == "plurality":
        tally = Counter(ballot[0] for ballot in ballots)
    elif method == "borda":
        tally = Counter()
        for ballot in ballots:
            for place, name in enumerate(ballot):
                tally[name] += 3 - place
    elif method == "instant_runoff":
        winner, rounds = _instant_runoff(ballots)
        return {"winner": winner, "rounds": rounds}
    else:
        raise CountingError(f"unknown method {method}")
    ranking = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    return {"winner": ranking[0][0], "tally": dict(ranking)}
