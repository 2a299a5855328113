"""Fares between the stations of an invented line, by distance and class."""
from decimal import ROUND_UP, Decimal

# code -> (name, kilometre post)
STATIONS = {
    "QB71": ("Ostermark", 0), "QC14": ("Ostermark Harbour", 4), "QD09": ("Fennick", 17), "QF52": ("Saltby", 29),
    "QG36": ("Upper Saltby", 33), "QH88": ("Marrow Cross", 48), "QJ23": ("Linnet", 61), "QK40": ("Linnet Junction", 64),
    "QL95": ("Greyford", 82), "QM17": ("Quellen", 113), "QN62": ("Quellen Spa", 119), "QP31": ("Tarnhow", 141),
    "QR84": ("Dunmoor", 158), "QS20": ("Eastholt", 176), "QT77": ("Brackwater", 197), "QV05": ("Cape Sorrow", 224),
}
PER_KM = Decimal("0.187")
BASE = Decimal("2.40")
CLASSES = {"standard": Decimal("1"), "quiet": Decimal("1.15"), "first": Decimal("1.62"), "panorama": Decimal("1.95")}
PASSENGERS = {"adult": Decimal("1"), "youth": Decimal("0.7"), "child": Decimal("0.5"), "senior": Decimal("0.75")}


def find_station(name: str) -> dict:
    """Code of the station with exactly this name."""
    if not isinstance(name, str) or not 3 <= len(name.strip()) <= 40:
        raise ValueError("name must be a station name of 3 to 40 characters")
    wanted = " ".join(name.lower().split())
    for code, (label, kilometre) in STATIONS.items():
        if label.lower() == wanted:
            return {"code": code, "name": label, "step_free": kilometre % 3 != 0}
    return {"error": "no station of this name on the line"}


def ticket_fare(from_code: str, to_code: str, travel_class: str = "standard", passenger: str = "adult") -> dict:
    """Price of a single ticket."""
    if not (isinstance(travel_class, str) and isinstance(passenger, str)):
        raise ValueError("travel_class and passenger must be texts")
    if travel_class not in CLASSES or passenger not in PASSENGERS:
        raise ValueError("unknown travel_class or passenger")
    posts = []
    for code in (from_code, to_code):
        if not isinstance(code, str) or len(code) > 8:
            raise ValueError("station codes are short texts")
        if code.upper() not in STATIONS:
            return {"error": "unknown station code"}
        posts.append(STATIONS[code.upper()][1])
    kilometres = abs(posts[0] - posts[1])
    if kilometres == 0:
        return {"error": "both codes name the same station"}
    price = (BASE + PER_KM * kilometres) * CLASSES[travel_class] * PASSENGERS[passenger]
    return {"kilometres": kilometres, "fare": float(price.quantize(Decimal("0.01"), rounding=ROUND_UP)), "currency": "EUR"}
