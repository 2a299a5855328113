"""Bins of a spare-parts store. One tool moves a part, another empties a whole bin: the wrong one does damage."""
import re

# part -> (description, unit weight in grams)
PARTS = {
    "PT-30871": ("hex flange bolt M8", 21), "PT-30884": ("hex flange bolt M10", 38), "PT-30902": ("dowel pin 6x30", 7),
    "PT-31015": ("spring washer M8", 3), "PT-31047": ("idler pulley 60 mm", 240), "PT-31120": ("v belt A38", 180),
    "PT-31133": ("v belt A42", 195), "PT-31209": ("ball bearing 6204", 106), "PT-31216": ("ball bearing 6205", 128),
    "PT-31340": ("shaft seal 25x40", 16), "PT-31358": ("shaft seal 30x47", 22), "PT-31474": ("limit switch lever", 85),
    "PT-31511": ("proximity sensor M12", 60), "PT-31590": ("gas spring 400 N", 410), "PT-31626": ("cable gland M20", 14),
    "PT-31702": ("push rivet 8 mm", 2),
}


def _code(name: str, value) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 20:
        raise ValueError(f"{name} must be a code of at most 20 characters")
    return value.strip().upper()


def _quantity(value) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise ValueError("quantity must be a whole number between 1 and 100000")
    return value


def find_part(description: str) -> dict:
    """Part number for a description; all words must occur, and only one part may match."""
    if not isinstance(description, str) or not 3 <= len(description.strip()) <= 60:
        raise ValueError("description must be a text of 3 to 60 characters")
    words = re.findall(r"[a-z0-9]+", description.lower())
    hits = [key for key, row in PARTS.items() if words and set(words) <= set(row[0].lower().split())]
    return {"part_no": hits[0]} if len(hits) == 1 else {"error": "the description does not name exactly one part"}


def part_locations(state: dict, part_no: str) -> dict:
    """Bins that hold a part, the fullest first."""
    key = _code("part_no", part_no)
    if key not in PARTS:
        return {"error": "unknown part_no"}
    held = [(bin_no, parts[key]) for bin_no, parts in state["bins"].items() if parts.get(key)]
    held.sort(key=lambda pair: (-pair[1], pair[0]))
    return {"locations": [{"bin": bin_no, "quantity": quantity} for bin_no, quantity in held]}


def move_part(state: dict, part_no: str, from_bin: str, to_bin: str, quantity: int) -> dict:
    """Move some pieces of one part from a bin to another."""
    key, source, target = _code("part_no", part_no), _code("from_bin", from_bin), _code("to_bin", to_bin)
    pieces = _quantity(quantity)
    bins = state["bins"]
    if source not in bins or target not in bins or source == target:
        return {"error": "from_bin and to_bin must be two bins of this store"}
    if bins[source].get(key, 0) < pieces:
        return {"error": "the bin does not hold so many pieces of this part"}
    bins[source][key] -= pieces
    if not bins[source][key]:
        del bins[source][key]
    bins[target][key] = bins[target].get(key, 0) + pieces
    return {"part_no": key, "moved": pieces}


def empty_bin(state: dict, from_bin: str, to_bin: str) -> dict:
    """Move everything that a bin holds, of all parts, to another bin."""
    source, target = _code("from_bin", from_bin), _code("to_bin", to_bin)
    bins = state["bins"]
    if source not in bins or target not in bins or source == target:
        return {"error": "from_bin and to_bin must be two bins of this store"}
    for key, pieces in sorted(bins[source].items()):
        bins[target][key] = bins[target].get(key, 0) + pieces
    moved = len(bins[source])
    bins[source] = {}
    return {"kinds_moved": moved}


def scrap_part(state: dict, part_no: str, bin_no: str, quantity: int) -> dict:
    """Take damaged pieces out of the stock for good."""
    key, source, pieces = _code("part_no", part_no), _code("bin_no", bin_no), _quantity(quantity)
    held = state["bins"].get(source, {}).get(key, 0)
    if held < pieces:
        return {"error": "the bin does not hold so many pieces of this part"}
    state["bins"][source][key] = held - pieces
    state["scrapped"][key] = state["scrapped"].get(key, 0) + pieces
    return {"part_no": key, "scrapped": pieces}
