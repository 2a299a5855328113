"""Chemicals store of an invented laboratory: hazards, storage conditions and disposal of its reagents."""
import re

HAZARDS = {
    1: "K-flam", 2: "K-oxid", 3: "K-corr", 4: "K-toxi", 5: "K-aqua", 6: "K-lach", 7: "K-pero", 8: "K-hygr", 9: "K-carc",
}
PROFILES = {
    "a": {"min_c": 2, "max_c": 8, "cabinet": "north fridge", "inert_gas": True},
    "b": {"min_c": 15, "max_c": 25, "cabinet": "acid locker", "inert_gas": False},
    "c": {"min_c": -20, "max_c": -10, "cabinet": "deep freezer", "inert_gas": True},
    "d": {"min_c": 10, "max_c": 20, "cabinet": "solvent vault", "inert_gas": False},
    "e": {"min_c": 5, "max_c": 30, "cabinet": "open shelf", "inert_gas": False},
}
STEPS = {
    "q": ("quench with ice", "neutralise", "filter", "collect in drum 4"),
    "r": ("dilute tenfold", "reduce with sulfite", "check the pH", "release to drain"),
    "s": ("cool below zero", "add isopropanol dropwise", "quench with ice", "collect in drum 7"),
    "t": ("collect in drum 2",),
    "u": ("adsorb on vermiculite", "bag twice", "hand to contractor"),
}
# id -> (name, hazards, profile, disposal)
REAGENTS = {
    "RG-0418": ("veltryl chloride", (3, 6, 8), "a", "s"), "RG-0425": ("veltryl acetate", (1, 6), "d", "t"),
    "RG-0433": ("ombic acid", (3,), "b", "q"), "RG-0447": ("sodium ombate", (5,), "e", "r"),
    "RG-0456": ("tarsane", (1, 7), "d", "u"), "RG-0462": ("dimethyl tarsane", (1, 4, 7), "c", "s"),
    "RG-0479": ("quorin oxide", (2, 4), "e", "u"), "RG-0484": ("quorin nitrate", (2, 5), "b", "r"),
    "RG-0491": ("lusitin", (4, 9), "a", "u"), "RG-0508": ("lusitin hydrate", (4, 5), "e", "r"),
    "RG-0513": ("belamine", (1, 3), "d", "q"), "RG-0527": ("tri belamine", (1, 3, 5), "d", "t"),
    "RG-0536": ("norvex peroxide", (2, 7), "c", "s"), "RG-0544": ("norvex amide", (4, 8), "a", "q"),
    "RG-0559": ("sarcol", (1,), "d", "t"), "RG-0562": ("calcium sarcolate", (8,), "b", "r"),
}


def find_reagent(name: str) -> dict:
    """Stock number of a reagent by its full name."""
    if not isinstance(name, str) or not 3 <= len(name.strip()) <= 60:
        raise ValueError("name must be a text of 3 to 60 characters")
    wanted = re.sub(r"[\s-]+", " ", name.strip().lower())
    for key, row in REAGENTS.items():
        if row[0] == wanted:
            return {"stock_no": key}
    return {"error": "no reagent of this name in the store"}


def _row(stock_no):
    if not isinstance(stock_no, str) or not 1 <= len(stock_no) <= 16:
        raise ValueError("stock_no must be a short text")
    return REAGENTS.get(stock_no.strip().upper())


def reagent_hazards(stock_no: str) -> dict:
    """Hazard marks that the label of a reagent must carry, in no particular order."""
    row = _row(stock_no)
    return {"marks": [HAZARDS[number] for number in row[1]]} if row else {"error": "unknown stock_no"}


def storage_conditions(stock_no: str) -> dict:
    """Where and at which temperatures a reagent is kept."""
    row = _row(stock_no)
    return {"stock_no": stock_no.strip().upper(), "conditions": dict(PROFILES[row[2]])} if row else {"error": "unknown stock_no"}


def disposal_steps(stock_no: str, amount_ml: float = 100) -> dict:
    """Steps of the disposal of a reagent, in the order in which they are done."""
    if isinstance(amount_ml, bool) or not isinstance(amount_ml, (int, float)) or not 0 < amount_ml <= 5000:
        raise ValueError("amount_ml must be between 0 and 5000")
    row = _row(stock_no)
    if row is None:
        return {"error": "unknown stock_no"}
    return {"batches": -(-int(amount_ml) // 250) or 1, "steps": list(STEPS[row[3]])}
