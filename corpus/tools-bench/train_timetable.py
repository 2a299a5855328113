import bisect
from datetime import datetime, timedelta
from typing import Dict, List

TIMETABLE: Dict[str, List[str]] = {
    "Riverside": ["06:12", "07:42", "09:12", "12:12", "15:42", "18:12", "21:12"],
    "Hilltop": ["06:40", "08:10", "10:40", "13:10", "17:10", "19:40"],
    "Harbour": ["05:55", "07:25", "08:55", "11:55", "16:25", "22:55"],
}
MINUTES = {"Riverside": 48, "Hilltop": 95, "Harbour": 27}


def next_trains(destination: str, after: str, count: int = 2) -> dict:
    """The next trains to a destination after a time of day (HH:MM), past midnight if need be."""
    if destination not in TIMETABLE:
        return {"error": f"no trains to {destination}", "destinations": sorted(TIMETABLE)}
    try:
        clock = datetime.strptime(after, "%H:%M")
    except ValueError:
        return {"error": "after must be HH:MM"}
    if not 1 <= count <= 5:
        return {"error": "count must be 1 to 5"}
    departures = TIMETABLE[destination]
    first = bisect.bisect_left(departures, clock.strftime("%H:%M"))
    trains = []
    for offset in range(count):
        day, index = divmod(first + offset, len(departures))
        leaves = datetime.strptime(departures[index], "%H:%M") + timedelta(days=day)
        wait = leaves - clock
        trains.append({
            "departure": leaves.strftime("%H:%M"),
            "arrival": (leaves + timedelta(minutes=MINUTES[destination])).strftime("%H:%M"),
            "tomorrow": day > 0,
            "wait_minutes": wait.seconds // 60 + wait.days * 1440,
        })
    return {"destination": destination, "trains": trains}


if __name__ == "__main__":
    print(next_trains("Harbour", "09:00"))
