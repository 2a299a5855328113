from decimal import Decimal, ROUND_DOWN
from itertools import accumulate, pairwise

BRACKETS = {
    "single": [("0", "0.10"), ("11000", "0.12"), ("44725", "0.22"), ("95375", "0.24"), ("182100", "0.32")],
    "married": [("0", "0.10"), ("22000", "0.12"), ("89450", "0.22"), ("190750", "0.24"), ("364200", "0.32")],
}
CENT = Decimal("0.01")


def income_tax(income: float, status: str = "single", deductions: list = None) -> dict:
    """Progressive income tax with a breakdown by bracket."""
    if status not in BRACKETS:
        raise ValueError(f"status must be one of {sorted(BRACKETS)}")
    if income < 0:
        raise ValueError("income must not be negative")
    deducted = list(accumulate((Decimal(str(d)) for d in deductions or []), initial=Decimal(0)))[-1]
    taxable = max(Decimal(0), Decimal(str(income)) - deducted)
    table = [(Decimal(a), Decimal(b)) for a, b in BRACKETS[status]] + [(Decimal("Infinity"), Decimal(0))]
    parts = []
    for (low, rate), (high, _) in pairwise(table):
        if taxable > low:
            part = (min(taxable, high) - low) * rate
            parts.append({"rate": str(rate), "tax": str(part.quantize(CENT, ROUND_DOWN))})
    total = sum((Decimal(p["tax"]) for p in parts), Decimal(0))
    effective = (total / taxable * 100).quantize(CENT) if taxable else Decimal("0.00")
    return {"taxable": str(taxable), "tax": str(total), "effective_percent": str(effective), "brackets": parts}
