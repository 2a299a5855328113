import copy
from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True)
class Quote:
    vehicle: str
    days: int
    daily: float
    extras: tuple = ()
    discount: float = 0.0

    @property
    def total(self) -> float:
        extra = sum(EXTRAS[name] for name in self.extras) * self.days
        return round((self.daily * self.days + extra) * (1 - self.discount), 2)


FLEET = {"mini": 29.0, "compact": 38.5, "estate": 52.0, "van": 74.9}
EXTRAS = {"child seat": 6.0, "second driver": 8.5, "snow chains": 4.0}
DISCOUNTS = [(28, 0.25), (14, 0.15), (7, 0.08)]
HISTORY = []


def rental_quote(vehicle: str, start: str, end: str, extras: list = None, member: bool = False) -> dict:
    """Quote a rental; longer rentals and members pay less."""
    if vehicle not in FLEET:
        return {"error": f"no vehicle class '{vehicle}'"}
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days
    if days < 1:
        return {"error": "the rental must last at least one day"}
    unknown = [name for name in extras or [] if name not in EXTRAS]
    if unknown:
        return {"error": f"unknown extras: {', '.join(unknown)}"}
    quote = Quote(vehicle, days, FLEET[vehicle], tuple(extras or ()))
    for threshold, rate in DISCOUNTS:
        if days >= threshold:
            quote = replace(quote, discount=rate)
            break
    if member:
        quote = replace(quote, discount=round(quote.discount + 0.05, 4))
    HISTORY.append(copy.copy(quote))
    cheapest = min(HISTORY, key=lambda q: q.total)
    return {"vehicle": quote.vehicle, "days": days, "discount": quote.discount, "total": quote.total, "quotes_so_far": len(HISTORY), "cheapest": cheapest.vehicle}
