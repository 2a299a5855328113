from datetime import date, timedelta
from functools import lru_cache

HOLIDAYS = frozenset(date.fromisoformat(day) for day in ("2025-01-01", "2025-04-18", "2025-04-21", "2025-05-01", "2025-12-25", "2025-12-26"))


@lru_cache(maxsize=None)
def _is_working(day: date) -> bool:
    return day.weekday() < 5 and day not in HOLIDAYS


def working_day(start: str, offset: int = None, end: str = None) -> dict:
    """Move by working days (offset), or count the working days up to and including end."""
    current = date.fromisoformat(start)
    if (offset is None) == (end is None):
        raise TypeError("give exactly one of offset and end")
    if offset is not None:
        if abs(offset) > 500:
            raise ValueError("offset is limited to 500 days")
        step = timedelta(days=1 if offset >= 0 else -1)
        left = abs(offset)
        while left:
            current += step
            left -= _is_working(current)
        return {"date": current.isoformat(), "weekday": f"{current:%A}", "iso_week": current.isocalendar().week}
    last = date.fromisoformat(end)
    count = sum(_is_working(current + timedelta(days=n)) for n in range((last - current).days + 1))
    return {"working_days": count, "calendar_days": (last - current).days + 1}
