from decimal import Decimal, InvalidOperation, getcontext
from types import MappingProxyType

getcontext().prec = 28

# Units of each currency for one US dollar.
RATES = MappingProxyType({
    "USD": Decimal("1"), "EUR": Decimal("0.9214"), "GBP": Decimal("0.7883"), "JPY": Decimal("149.62"),
    "CNY": Decimal("7.1935"), "INR": Decimal("83.12"), "CHF": Decimal("0.8841"),
})
MINOR_UNITS = {"JPY": 0}


def convert_currency(amount: str, source: str, target: str, fee_percent: str = "0") -> dict:
    """Convert money exactly; amounts are decimal strings."""
    try:
        money = Decimal(amount)
        fee = Decimal(fee_percent)
    except InvalidOperation:
        return {"error": "amount and fee_percent must be decimal numbers"}
    for code in (source, target):
        if code not in RATES:
            return {"error": f"unsupported currency {code}"}
    if not money.is_finite() or money < 0:
        return {"error": "amount must be finite and not negative"}
    gross = money / RATES[source] * RATES[target]
    net = gross * (1 - fee / 100)
    step = Decimal(1).scaleb(-MINOR_UNITS.get(target, 2))
    return {
        "amount": str(net.quantize(step)),
        "currency": target,
        "rate": str((RATES[target] / RATES[source]).quantize(Decimal("0.000001"))),
        "fee": str((gross - net).quantize(step)),
    }
