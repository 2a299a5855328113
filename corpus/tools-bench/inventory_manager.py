from collections import Counter
from contextlib import contextmanager
import copy

_stock = {
    "bolt-m6": {"qty": 1200, "reorder": 500, "bin": "A1"},
    "bolt-m8": {"qty": 430, "reorder": 500, "bin": "A2"},
    "washer-8": {"qty": 2600, "reorder": 800, "bin": "A3"},
    "bracket-l": {"qty": 75, "reorder": 40, "bin": "C7"},
}
_movements = Counter()


@contextmanager
def transaction(store):
    backup = copy.deepcopy(store)
    try:
        yield store
    except Exception:
        store.clear()
        store.update(backup)
        raise


def manage_inventory(action: str, items: dict = None) -> dict:
    """Receive or pick several items at once; a pick that cannot be filled changes nothing.

    Args:
        action: "receive", "pick" or "report".
        items: Mapping from SKU to quantity.
    """
    items = items or {}
    if action == "report":
        low = sorted(sku for sku, row in _stock.items() if row["qty"] < row["reorder"])
        return {"low_stock": low, "movements": dict(_movements.most_common()), "levels": {k: v["qty"] for k, v in _stock.items()}}
    if action not in ("receive", "pick"):
        return {"error": f"unknown action '{action}'"}
    try:
        with transaction(_stock) as stock:
            for sku, quantity in items.items():
                if sku not in stock:
                    raise KeyError(f"unknown SKU {sku}")
                stock[sku]["qty"] += quantity if action == "receive" else -quantity
                if stock[sku]["qty"] < 0:
                    raise ValueError(f"not enough {sku}")
    except (KeyError, ValueError) as error:
        return {"error": error.args[0], "rolled_back": True}
    _movements.update(items)
    return {"ok": True, "levels": {sku: _stock[sku]["qty"] for sku in items}}
