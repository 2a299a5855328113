from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Dict, List, Optional


@dataclass(frozen=True)
class Flight:
    number: str
    origin: str
    destination: str
    departure: str
    minutes: int
    price: float
    stops: int = 0


FLIGHTS: List[Flight] = [
    Flight("AX101", "JFK", "LHR", "2025-03-14T18:30", 415, 612.0),
    Flight("AX117", "JFK", "LHR", "2025-03-14T21:05", 425, 548.5),
    Flight("BQ220", "JFK", "LHR", "2025-03-14T09:15", 690, 389.9, 1),
    Flight("BQ310", "SFO", "NRT", "2025-03-14T11:40", 665, 874.0),
    Flight("CM042", "LHR", "CDG", "2025-03-15T07:10", 75, 98.0),
    Flight("CM044", "LHR", "CDG", "2025-03-15T12:25", 80, 121.4),
]


def search_flights(origin: str, destination: str, date: str, max_stops: Optional[int] = None,
                   sort_by: str = "price") -> Dict:
    """Search flights between two airports on one day."""
    try:
        day = datetime.strptime(date, "%Y-%m-%d").date()
    except ValueError:
        return {"success": False, "error": "date must be YYYY-MM-DD"}
    if sort_by not in {"price", "duration", "departure"}:
        return {"success": False, "error": f"cannot sort by {sort_by}"}
    keys = {"price": lambda f: f.price, "duration": lambda f: f.minutes, "departure": lambda f: f.departure}
    found = []
    for flight in FLIGHTS:
        leaves = datetime.fromisoformat(flight.departure)
        if (flight.origin, flight.destination) != (origin.upper(), destination.upper()) or leaves.date() != day:
            continue
        if max_stops is not None and flight.stops > max_stops:
            continue
        found.append(flight)
    results = []
    for flight in sorted(found, key=keys[sort_by]):
        row = asdict(flight)
        arrival = datetime.fromisoformat(flight.departure) + timedelta(minutes=flight.minutes)
        row["arrival"] = arrival.isoformat(timespec="minutes")
        results.append(row)
    return {"success": True, "count": len(results), "flights": results}
