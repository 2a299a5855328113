from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Callable, Dict, List


@dataclass
class Category:
    limit: float
    spent: float = 0.0
    entries: List[dict] = field(default_factory=list)

    @property
    def left(self) -> float:
        return round(self.limit - self.spent, 2)


BUDGET: Dict[str, Category] = {"food": Category(400), "travel": Category(150), "fun": Category(80)}
_listeners: Dict[str, List[Callable]] = defaultdict(list)
ALERTS: List[str] = []


def on(event: str):
    def register(function):
        _listeners[event].append(function)
        return function

    return register


@on("spent")
def _warn(name: str, category: Category) -> None:
    if category.left < 0:
        ALERTS.append(f"{name} is over budget by {-category.left:.2f}")
    elif category.spent > 0.8 * category.limit:
        ALERTS.append(f"{name} has only {category.left:.2f} left")


def track_expense(category: str, amount: float = None, day: str = "2025-03-01", note: str = "") -> dict:
    """Record an expense, or show a category when no amount is given."""
    if category not in BUDGET:
        return {"error": f"unknown category {category}", "categories": sorted(BUDGET)}
    bucket = BUDGET[category]
    if amount is not None:
        if amount <= 0:
            return {"error": "amount must be positive"}
        bucket.spent = round(bucket.spent + amount, 2)
        bucket.entries.append({"day": date.fromisoformat(day).isoformat(), "amount": amount, "note": note or None})
        for listener in _listeners["spent"]:
            listener(category, bucket)
    return {"category": category, "spent": bucket.spent, "left": bucket.left, "entries": bucket.entries[-2:], "alerts": ALERTS[-1:]}
