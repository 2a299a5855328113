import sys
from collections import deque

FACTORIES = {
    "list": lambda n: list(range(n)),
    "tuple": lambda n: tuple(range(n)),
    "set": lambda n: set(range(n)),
    "dict": lambda n: dict.fromkeys(range(n)),
    "deque": lambda n: deque(range(n)),
}


def container_size(kind: str, length: int) -> dict:
    """Compare how containers grow; reports an order, not bytes, so that it is the same everywhere."""
    if kind not in FACTORIES:
        return {"error": f"kind must be one of {', '.join(FACTORIES)}"}
    if not 0 <= length <= 10000:
        return {"error": "length must be between 0 and 10000"}
    size = sys.getsizeof(FACTORIES[kind](length))
    smaller = [name for name, make in FACTORIES.items() if sys.getsizeof(make(length)) < size]
    return {"kind": kind, "length": length, "max_int_fits": length < sys.maxsize, "smaller": sorted(smaller)}
