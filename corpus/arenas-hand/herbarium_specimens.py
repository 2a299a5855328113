"""Specimens of an invented herbarium, computed from the arena's data file."""
from statistics import fmean

from astra import data

PAGE = 3
HABITATS = ("bog", "cliff", "dune", "forest", "meadow", "shore")


def _text(name: str, value, least: int) -> str:
    if not isinstance(value, str) or not least <= len(value.strip()) <= 60:
        raise ValueError(f"{name} must be a text of {least} to 60 characters")
    return " ".join(value.split())


def find_collector(name: str) -> dict:
    """Identifier of a collector by full name."""
    wanted = _text("name", name, 5).lower()
    for row in data("collectors"):
        if row["name"].lower() == wanted:
            return {"collector_id": row["id"], "active_from": row["from"]}
    return {"error": "no collector of this name"}


def list_specimens(collector_id: str, habitat: str, page: int = 1) -> dict:
    """Sheets of one collector from one habitat, the highest find first, three a page."""
    key = _text("collector_id", collector_id, 1).upper()
    if habitat not in HABITATS:
        raise ValueError("unknown habitat")
    if isinstance(page, bool) or not isinstance(page, int) or not 1 <= page <= 50:
        raise ValueError("page must be between 1 and 50")
    rows = [row for row in data("specimens") if row["collector"] == key and row["habitat"] == habitat]
    rows.sort(key=lambda row: (-row["altitude"], row["sheet"]))
    shown = rows[(page - 1) * PAGE:page * PAGE]
    return {
        "total": len(rows),
        "pages": -(-len(rows) // PAGE),
        "specimens": [{"sheet": row["sheet"], "altitude_m": row["altitude"]} for row in shown],
    }


def specimen_sheet(sheet: str) -> dict:
    """What the label of a sheet says."""
    key = _text("sheet", sheet, 1).upper()
    row = next((row for row in data("specimens") if row["sheet"] == key), None)
    if row is None:
        return {"error": "unknown sheet"}
    return {"species": row["species"], "collected_on": row["day"], "flowering": row["flowering"]}


def species_altitudes(species: str) -> dict:
    """Lowest, highest and mean altitude at which a species was found, over all collectors."""
    wanted = _text("species", species, 5).lower()
    heights = [row["altitude"] for row in data("specimens") if row["species"].lower() == wanted]
    if not heights:
        return {"error": "the herbarium has no sheet of this species"}
    return {"sheets": len(heights), "lowest_m": min(heights), "highest_m": max(heights), "mean_m": round(fmean(heights), 1)}
