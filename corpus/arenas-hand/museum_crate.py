"""Objects of a museum depot and the crates in which they travel."""
import bisect
import re

OBJECTS = {
    "MO-5512": ("bronze heron", "bronze", 212.5, 1897), "MO-5526": ("bronze bell", "bronze", 341.0, 1781),
    "MO-5533": ("marble faun", "marble", 487.3, 1822), "MO-5541": ("cedar chest", "wood", 96.4, 1744),
    "MO-5560": ("glass chandelier", "glass", 128.9, 1866), "MO-5578": ("iron sundial", "iron", 73.6, 1690),
    "MO-5583": ("painted globe", "paper", 41.2, 1803), "MO-5597": ("bronze astronomer", "bronze", 268.7, 1911),
    "MO-5604": ("porcelain stove", "ceramic", 402.1, 1758), "MO-5619": ("oak lectern", "wood", 118.3, 1702),
    "MO-5622": ("tapestry of the hunt", "wool", 58.8, 1655), "MO-5637": ("brass orrery", "brass", 87.5, 1799),
    "MO-5648": ("limewood angel", "wood", 64.9, 1510), "MO-5655": ("granite basin", "granite", 655.0, 1640),
    "MO-5671": ("silver galleon", "silver", 33.7, 1888), "MO-5684": ("terracotta lion", "ceramic", 145.2, 1873),
}
# heaviest load in kg -> crate
CRATES = [
    (15, "CX-01"), (22.5, "CX-04"), (30, "CX-07"), (37.5, "CX-11"), (45, "CX-13"), (55, "CX-16"), (65, "CX-19"),
    (80, "CX-23"), (95, "CX-26"), (102, "CX-28"), (115, "CX-32"), (130, "CX-35"), (160, "CX-38"), (190, "CX-41"),
    (240, "CX-45"), (320, "CX-49"),
]
PADDING = {"standard": 0.0, "fragile": 6.0, "climate": 11.5}


def find_object(title: str) -> dict:
    """Inventory number of the object whose title holds all given words."""
    if not isinstance(title, str) or not 3 <= len(title.strip()) <= 60:
        raise ValueError("title must be a text of 3 to 60 characters")
    words = re.findall(r"[a-z]+", title.lower())
    hits = [key for key, row in OBJECTS.items() if words and set(words) <= set(row[0].split())]
    if len(hits) != 1:
        return {"matches": len(hits), "error": "the words do not name exactly one object"}
    return {"matches": 1, "inventory_number": hits[0]}


def object_record(inventory_number: str) -> dict:
    """Material, year and weight of an object; the old inventory kept pounds."""
    if not isinstance(inventory_number, str) or len(inventory_number) > 16:
        raise ValueError("inventory_number must be a short text")
    row = OBJECTS.get(inventory_number.upper())
    if row is None:
        return {"error": "no such inventory number"}
    return {"title": row[0], "material": row[1], "weight_lb": row[2], "year": row[3]}


def choose_crate(weight_kg: float, packing: str = "standard") -> dict:
    """Smallest crate for a load, padding included."""
    if not isinstance(packing, str) or packing not in PADDING:
        raise ValueError("unknown packing")
    if isinstance(weight_kg, bool) or not isinstance(weight_kg, (int, float)) or not 0.1 <= weight_kg <= 320:
        raise ValueError("weight_kg must be between 0.1 and 320")
    load = weight_kg + PADDING[packing]
    place = bisect.bisect_left([limit for limit, _ in CRATES], load)
    if place == len(CRATES):
        return {"error": "no crate carries this load"}
    return {"crate": CRATES[place][1], "reserve_kg": round(CRATES[place][0] - load, 2)}
