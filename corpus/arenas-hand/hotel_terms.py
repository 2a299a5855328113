"""Hotels of a few invented towns and their terms."""
from collections import namedtuple

Hotel = namedtuple("Hotel", "key name town stars check_in tax deposit breakfast")

HOTELS = [
    Hotel("HTL-7F3K", "Linden Court", "Velmora", 4, "15:30", 3.85, 120, 17.5),
    Hotel("HTL-2M9Q", "Linden Gate Inn", "Velmora", 3, "14:00", 2.6, 60, 11.0),
    Hotel("HTL-8T1B", "Harbour Crown", "Velmora", 5, "16:00", 5.1, 250, 29.0),
    Hotel("HTL-4C6W", "The Copper Kettle", "Velmora", 2, "13:30", 1.95, 0, 8.0),
    Hotel("HTL-9D2L", "Linden Court", "Astaria", 3, "14:30", 2.1, 80, 12.0),
    Hotel("HTL-1X5R", "Old Observatory", "Astaria", 4, "15:00", 2.9, 110, 16.0),
    Hotel("HTL-6H8V", "Mill Bridge House", "Astaria", 2, "12:30", 1.4, 30, 7.5),
    Hotel("HTL-3P7Z", "Grand Terrace", "Brunnfeld", 5, "15:45", 4.75, 220, 27.0),
    Hotel("HTL-5K4N", "Station Rooms", "Brunnfeld", 2, "13:00", 1.8, 0, 6.5),
    Hotel("HTL-0B2S", "The Weaver", "Brunnfeld", 3, "14:15", 2.35, 70, 10.5),
    Hotel("HTL-7Q8J", "Lakeside Linden", "Corvane", 4, "16:15", 3.3, 130, 18.0),
    Hotel("HTL-2V1D", "Quiet Pines", "Corvane", 3, "14:45", 2.2, 50, 9.5),
    Hotel("HTL-9W6G", "Blue Heron", "Corvane", 3, "13:45", 2.45, 65, 10.0),
    Hotel("HTL-4R3Y", "Castle Yard", "Dorning", 4, "15:15", 3.15, 140, 19.0),
    Hotel("HTL-8N5C", "The Ferry Stage", "Dorning", 2, "12:45", 1.55, 20, 7.0),
    Hotel("HTL-6J9T", "Amber Rooms", "Dorning", 3, "14:20", 2.75, 75, 11.5),
]
SEASON = {"low": 0.8, "shoulder": 1.0, "high": 1.35, "holiday": 1.6}
BASE_RATE = {2: 58.0, 3: 84.0, 4: 129.0, 5: 212.0}


def _text(name: str, value, least: int) -> str:
    if not isinstance(value, str) or not least <= len(value.strip()) <= 60:
        raise ValueError(f"{name} must be a text of {least} to 60 characters")
    return value.strip().lower()


def _hotel(hotel_id: str):
    if not isinstance(hotel_id, str) or len(hotel_id) > 20:
        raise ValueError("hotel_id must be an identifier from the hotel search")
    return next((hotel for hotel in HOTELS if hotel.key == hotel_id.strip().upper()), None)


def find_hotel(name: str, town: str) -> dict:
    """Hotels of a town whose name holds the words given."""
    words = _text("name", name, 3).split()
    place = _text("town", town, 3)
    found = [h for h in HOTELS if h.town.lower() == place and all(word in h.name.lower().split() for word in words)]
    return {"count": len(found), "hotels": [{"hotel_id": h.key, "name": h.name, "stars": h.stars} for h in found[:3]]}


def hotel_terms(hotel_id: str) -> dict:
    """House rules and local charges of a hotel."""
    hotel = _hotel(hotel_id)
    if hotel is None:
        return {"error": "unknown hotel_id"}
    return {
        "check_in_from": hotel.check_in,
        "city_tax_per_night": hotel.tax,
        "deposit": hotel.deposit,
        "breakfast": hotel.breakfast,
        "currency": "EUR",
    }


def room_rate(hotel_id: str, season: str, nights: int = 1) -> dict:
    """Price of a double room for a stay."""
    if not isinstance(season, str) or season not in SEASON:
        raise ValueError("unknown season")
    if isinstance(nights, bool) or not isinstance(nights, int) or not 1 <= nights <= 30:
        raise ValueError("nights must be between 1 and 30")
    hotel = _hotel(hotel_id)
    if hotel is None:
        return {"error": "unknown hotel_id"}
    return {"total": round(BASE_RATE[hotel.stars] * SEASON[season] * nights, 2), "currency": "EUR"}
