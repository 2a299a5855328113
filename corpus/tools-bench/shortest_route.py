import heapq
from typing import Dict, List, Optional, Tuple

ROADS: Dict[str, Dict[str, int]] = {
    "Ashford": {"Brookvale": 14, "Castleton": 9},
    "Brookvale": {"Ashford": 14, "Dunmore": 11, "Eastbury": 22},
    "Castleton": {"Ashford": 9, "Dunmore": 17, "Fallow": 31},
    "Dunmore": {"Brookvale": 11, "Castleton": 17, "Eastbury": 8},
    "Eastbury": {"Brookvale": 22, "Dunmore": 8, "Fallow": 12},
    "Fallow": {"Castleton": 31, "Eastbury": 12},
    "Isle": {},
}


def _dijkstra(start: str, goal: str, closed: frozenset) -> Optional[Tuple[int, List[str]]]:
    queue = [(0, [start])]
    settled = set()
    while queue:
        cost, path = heapq.heappop(queue)
        town = path[-1]
        if town == goal:
            return cost, path
        if town in settled:
            continue
        settled.add(town)
        for neighbour, length in ROADS[town].items():
            if neighbour not in settled and frozenset((town, neighbour)) not in closed:
                heapq.heappush(queue, (cost + length, path + [neighbour]))
    return None


def find_route(start: str, goal: str, closed_roads: list = ()) -> dict:
    """Shortest route by road; closed_roads is a list of [town, town] pairs."""
    for town in (start, goal):
        if town not in ROADS:
            return {"error": f"unknown town {town}"}
    closed = frozenset(frozenset(pair) for pair in closed_roads)
    found = _dijkstra(start, goal, closed)
    if found is None:
        return {"reachable": False, "start": start, "goal": goal}
    cost, path = found
    return {"reachable": True, "distance_km": cost, "path": path, "stops": len(path) - 2}
