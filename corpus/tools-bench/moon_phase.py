import math
from datetime import date

SYNODIC_MONTH = 29.530588853
REFERENCE = date(2000, 1, 6)
NAMES = (
    "new moon", "waxing crescent", "first quarter", "waxing gibbous",
    "full moon", "waning gibbous", "last quarter", "waning crescent",
)


def moon_phase(day: str, find: str = "") -> dict:
    """Approximate phase of the moon on a day, and the next day with a wanted phase."""
    try:
        current = date.fromisoformat(day)
    except ValueError as error:
        raise ValueError("day must be an ISO date") from error
    age = (current - REFERENCE).days % SYNODIC_MONTH
    fraction = age / SYNODIC_MONTH
    result = {
        "day": day,
        "age_days": round(age, 2),
        "phase": NAMES[math.floor(fraction * 8 + 0.5) % 8],
        "illuminated_percent": round(50 * (1 - math.cos(2 * math.pi * fraction))),
    }
    if find:
        if find not in NAMES:
            raise ValueError(f"unknown phase: {find}")
        for ahead in range(1, 31):
            later = date.fromordinal(current.toordinal() + ahead)
            share = ((later - REFERENCE).days % SYNODIC_MONTH) / SYNODIC_MONTH
            if NAMES[math.floor(share * 8 + 0.5) % 8] == find:
                result["next"] = later.isoformat()
                break
    return result
