from enum import Enum, auto
from typing import Dict, Optional, TypedDict


class Stage(Enum):
    PLACED = auto()
    PAID = auto()
    PACKED = auto()
    SHIPPED = auto()
    DELIVERED = auto()
    CANCELLED = auto()


class Order(TypedDict):
    customer: str
    stage: Stage
    items: Dict[str, int]


ALLOWED = {
    Stage.PLACED: {Stage.PAID, Stage.CANCELLED},
    Stage.PAID: {Stage.PACKED, Stage.CANCELLED},
    Stage.PACKED: {Stage.SHIPPED},
    Stage.SHIPPED: {Stage.DELIVERED},
}
ORDERS: Dict[int, Order] = {
    5001: {"customer": "R. Adeyemi", "stage": Stage.PAID, "items": {"kettle": 1}},
    5002: {"customer": "L. Brandt", "stage": Stage.SHIPPED, "items": {"mug": 6, "tray": 1}},
    5003: {"customer": "Y. Ito", "stage": Stage.PLACED, "items": {"lamp": 2}},
}


class InvalidTransition(RuntimeError):
    pass


def order_status(order_id: int, advance_to: Optional[str] = None) -> dict:
    """Look up an order, or move it to another stage of its life."""
    if order_id not in ORDERS:
        raise LookupError(f"order {order_id} does not exist")
    order = ORDERS[order_id]
    if advance_to is not None:
        try:
            target = Stage[advance_to.upper()]
        except KeyError:
            raise InvalidTransition(f"no stage named {advance_to}") from None
        if target not in ALLOWED.get(order["stage"], set()):
            raise InvalidTransition(f"cannot go from {order['stage'].name} to {target.name}")
        order["stage"] = target
    stage = order["stage"]
    return {"order_id": order_id, "stage": stage.name.lower(), "step": stage.value, "pieces": sum(order["items"].values()), "final": stage not in ALLOWED}
