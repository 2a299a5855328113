from datetime import date
from enum import Enum
from typing import List, Optional


class Visitor(str, Enum):
    ADULT = "adult"
    CHILD = "child"
    STUDENT = "student"
    SENIOR = "senior"

    @property
    def price(self) -> float:
        return {"adult": 16.0, "child": 0.0, "student": 9.5, "senior": 11.0}[self.value]


CLOSED_WEEKDAY = 0
FREE_DAYS = {(5, 18), (9, 21)}
EXHIBITIONS = {"permanent": 0.0, "impressionists": 6.0, "dinosaurs": 4.5}


def ticket_price(visitors: List[str], day: str, exhibition: str = "permanent", voucher: Optional[str] = None) -> dict:
    """Total ticket price of a group on a day."""
    visit = date.fromisoformat(day)
    if visit.weekday() == CLOSED_WEEKDAY:
        return {"open": False, "message": "closed on Mondays"}
    supplement = EXHIBITIONS.get(exhibition)
    if supplement is None:
        raise ValueError(f"unknown exhibition {exhibition!r}")
    group = [Visitor(name) for name in visitors]
    if not group:
        raise ValueError("a group needs at least one visitor")
    free = (visit.month, visit.day) in FREE_DAYS
    total = sum(0.0 if free else member.price for member in group) + supplement * len(group)
    adults = sum(member is Visitor.ADULT for member in group)
    children = sum(member is Visitor.CHILD for member in group)
    if adults == 2 and children >= 2 and not free:
        total -= 6.0
    match voucher:
        case None | "":
            pass
        case str() if voucher.startswith("HALF"):
            total /= 2
        case _:
            return {"open": True, "error": f"voucher {voucher} is not valid"}
    return {"open": True, "people": len(group), "total": round(total, 2), "free_entry": free}
