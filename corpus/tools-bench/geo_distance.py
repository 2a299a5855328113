import math
from functools import lru_cache
from typing import Tuple

CITIES = {
    "lisbon": (38.7223, -9.1393),
    "madrid": (40.4168, -3.7038),
    "paris": (48.8566, 2.3522),
    "berlin": (52.52, 13.405),
    "rome": (41.9028, 12.4964),
    "oslo": (59.9139, 10.7522),
}
EARTH_RADIUS_KM = 6371.0088


@lru_cache(maxsize=256)
def _haversine(a: Tuple[float, float], b: Tuple[float, float]) -> float:
    lat1, lon1, lat2, lon2 = map(math.radians, (*a, *b))
    h = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))


def distance_between(origin: str, destination: str, unit: str = "km", precision: int = 1) -> dict:
    """Great-circle distance between two cities."""
    points = []
    for name in (origin, destination):
        if (point := CITIES.get(name.lower())) is None:
            raise ValueError(f"Unknown city: {name}")
        points.append(point)
    kilometres = _haversine(*points)
    factor = {"km": 1.0, "mi": 0.621371, "nmi": 0.539957}.get(unit)
    if factor is None:
        raise ValueError(f"Unknown unit: {unit}")
    return {"origin": origin, "destination": destination, "distance": round(kilometres * factor, precision), "unit": unit, "cached_pairs": _haversine.cache_info().currsize}
