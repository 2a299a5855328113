from itertools import permutations
from typing import List, Tuple

LOCATIONS = {
    "dock": (0, 0), "A1": (2, 1), "A2": (2, 5), "B1": (6, 1), "B2": (6, 5), "C1": (10, 2), "C2": (10, 7), "cold": (13, 4),
}


def _steps(a: Tuple[int, int], b: Tuple[int, int]) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _nearest_neighbour(stops: List[str]) -> List[str]:
    route, left = ["dock"], sorted(stops)
    while left:
        here = LOCATIONS[route[-1]]
        left.sort(key=lambda name: (_steps(here, LOCATIONS[name]), name))
        route.append(left.pop(0))
    return route[1:]


def plan_pick(stops: List[str], exact: bool = True) -> dict:
    """Order the stops of a picking tour that starts and ends at the dock."""
    unknown = sorted(set(stops) - set(LOCATIONS))
    assert not unknown, f"unknown locations: {unknown}"
    if len(stops) > 7 and exact:
        raise OverflowError("exact planning is limited to 7 stops")

    def length(order) -> int:
        tour = ["dock", *order, "dock"]
        return sum(_steps(LOCATIONS[a], LOCATIONS[b]) for a, b in zip(tour, tour[1:]))

    best = min(permutations(sorted(stops)), key=length) if exact else _nearest_neighbour(stops)
    return {"order": list(best), "steps": length(best), "method": "exact" if exact else "greedy"}
