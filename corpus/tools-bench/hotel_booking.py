from datetime import date, timedelta
from typing import Dict, List, Set


class BookingError(Exception):
    """Base class of booking problems."""

    code = "booking_error"


class RoomTaken(BookingError):
    code = "room_taken"


class InvalidStay(BookingError):
    code = "invalid_stay"


class Hotel:
    WEEKEND_FACTOR = 1.25

    def __init__(self, prices: Dict[str, float]):
        self.prices = prices
        self.nights: Dict[str, Set[date]] = {room: set() for room in prices}

    def book(self, room: str, arrival: date, departure: date) -> List[date]:
        if departure <= arrival:
            raise InvalidStay("departure must be after arrival")
        if (departure - arrival).days > 14:
            raise InvalidStay("at most 14 nights")
        stay = [arrival + timedelta(days=n) for n in range((departure - arrival).days)]
        clash = self.nights[room].intersection(stay)
        if clash:
            raise RoomTaken(f"room {room} is taken on {min(clash).isoformat()}")
        self.nights[room].update(stay)
        return stay

    def price(self, room: str, stay: List[date]) -> float:
        base = self.prices[room]
        return sum(base * (self.WEEKEND_FACTOR if night.weekday() in (4, 5) else 1) for night in stay)


HOTEL = Hotel({"101": 80.0, "102": 80.0, "201": 120.0, "suite": 240.0})


def book_room(room: str, arrival: str, departure: str) -> dict:
    """Book a room for the nights from arrival to departure."""
    if room not in HOTEL.prices:
        return {"ok": False, "code": "unknown_room", "rooms": list(HOTEL.prices)}
    try:
        stay = HOTEL.book(room, date.fromisoformat(arrival), date.fromisoformat(departure))
    except BookingError as error:
        return {"ok": False, "code": error.code, "message": str(error)}
    return {"ok": True, "room": room, "nights": len(stay), "total": round(HOTEL.price(room, stay), 2)}
