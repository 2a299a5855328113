from datetime import date, datetime, time, timedelta
from typing import Iterator, List, Tuple

BUSY = {
    "ana": [("2025-06-02T09:00", "2025-06-02T10:30"), ("2025-06-02T13:00", "2025-06-02T14:00")],
    "ben": [("2025-06-02T10:00", "2025-06-02T11:00"), ("2025-06-02T15:30", "2025-06-02T17:00")],
    "chloe": [("2025-06-03T09:00", "2025-06-03T12:00")],
}


def _merge(intervals: List[Tuple[datetime, datetime]]) -> List[Tuple[datetime, datetime]]:
    merged: List[Tuple[datetime, datetime]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _gaps(day: date, busy: List[Tuple[datetime, datetime]]) -> Iterator[Tuple[datetime, datetime]]:
    cursor = datetime.combine(day, time(9, 0))
    closing = datetime.combine(day, time(17, 0))
    for start, end in busy:
        if start > cursor:
            yield cursor, start
        cursor = max(cursor, end)
    if cursor < closing:
        yield cursor, closing


def find_free_slots(people: list, day: str, minutes: int = 60) -> dict:
    """Find the slots in office hours in which everybody is free for at least `minutes`."""
    unknown = [name for name in people if name.lower() not in BUSY]
    if unknown:
        raise LookupError("no calendar for " + ", ".join(unknown))
    if not 15 <= minutes <= 480:
        raise ValueError("minutes must be between 15 and 480")
    wanted = date.fromisoformat(day)
    busy = [
        (datetime.fromisoformat(a), datetime.fromisoformat(b))
        for name in people
        for a, b in BUSY[name.lower()]
        if datetime.fromisoformat(a).date() == wanted
    ]
    slots = [
        {"start": a.strftime("%H:%M"), "end": b.strftime("%H:%M"), "minutes": int((b - a) / timedelta(minutes=1))}
        for a, b in _gaps(wanted, _merge(busy))
        if b - a >= timedelta(minutes=minutes)
    ]
    return {"day": wanted.strftime("%A"), "slots": slots}
