from dataclasses import dataclass
from decimal import Decimal
from typing import List, Optional, Union


@dataclass(order=True, slots=True)
class Tier:
    upto: float
    price: str


TARIFFS = {
    "basic": [Tier(180, "0.2110"), Tier(400, "0.2635"), Tier(float("inf"), "0.3120")],
    "night": [Tier(float("inf"), "0.1745")],
    "green": [Tier(250, "0.2390"), Tier(float("inf"), "0.2890")],
}


def electricity_bill(kwh: Union[int, float], tariff: str = "basic", standing_days: int = 30, voucher: Optional[str] = None) -> dict:
    """Work out an electricity bill from the tiers of a tariff.

    Raises ValueError for negative consumption and KeyError for unknown tariffs.
    """
    if kwh < 0:
        raise ValueError("kwh must not be negative")
    tiers: List[Tier] = sorted(TARIFFS[tariff])
    used, lower, lines = Decimal(0), Decimal(0), []
    remaining = Decimal(str(kwh))
    for tier in tiers:
        width = remaining if tier.upto == float("inf") else min(remaining, Decimal(str(tier.upto)) - lower)
        if width <= 0:
            break
        cost = width * Decimal(tier.price)
        lines.append(f"{width} kWh x {tier.price} = {cost:.2f}")
        used += cost
        remaining -= width
        lower += width
    standing = Decimal("0.38") * standing_days
    credit = {"WELCOME10": Decimal(10), "GREEN5": Decimal(5)}.get(voucher or "", Decimal(0))
    total = max(Decimal(0), used + standing - credit)
    return {"lines": lines, "energy": f"{used:.2f}", "standing": f"{standing:.2f}", "total": f"{total:.2f}"}
