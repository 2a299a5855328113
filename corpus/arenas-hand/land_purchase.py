"""Sums for the buyer of a plot: its area, the loan, and the spread of the soil samples. Nothing is looked up."""
import math
import statistics
from decimal import ROUND_HALF_UP, Decimal, localcontext


def _number(name: str, value, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} must be a number between {low} and {high}")
    return value


def _numbers(name: str, values, least: int, most: int, low: float, high: float) -> list:
    if not isinstance(values, list) or not least <= len(values) <= most:
        raise ValueError(f"{name} must be a list of {least} to {most} numbers")
    return [_number(name, value, low, high) for value in values]


def polygon_area(corners: list) -> dict:
    """Area and perimeter of a simple polygon with straight sides."""
    if not isinstance(corners, list) or not 3 <= len(corners) <= 60:
        raise ValueError("corners must be a list of 3 to 60 points")
    points = [_numbers("corners", corner, 2, 2, -100_000, 100_000) for corner in corners]
    pairs = list(zip(points, points[1:] + points[:1]))
    doubled = math.fsum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)
    perimeter = math.fsum(math.dist(a, b) for a, b in pairs)
    if doubled == 0:
        return {"error": "the corners enclose no area"}
    return {"area_m2": round(abs(doubled) / 2, 2), "perimeter_m": round(perimeter, 2), "clockwise": doubled < 0}


def monthly_payment(principal: float, annual_rate_percent: float, months: int) -> dict:
    """Constant monthly payment of a loan that is paid off at its end."""
    amount = _number("principal", principal, 1, 100_000_000)
    rate = _number("annual_rate_percent", annual_rate_percent, 0, 60)
    if isinstance(months, bool) or not isinstance(months, int) or not 1 <= months <= 600:
        raise ValueError("months must be a whole number between 1 and 600")
    with localcontext() as context:
        context.prec = 40
        monthly = Decimal(str(rate)) / 1200
        money = Decimal(str(amount))
        payment = money / months if monthly == 0 else money * monthly / (1 - (1 + monthly) ** -months)
        cents = payment.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return {"payment": float(cents), "paid_in_all": float(cents * months)}


def sample_spread(values: list) -> dict:
    """Mean, sample standard deviation and median of a series of measurements."""
    series = _numbers("values", values, 2, 200, -1_000_000, 1_000_000)
    mean = statistics.fmean(series)
    deviation = statistics.stdev(series)
    return {"n": len(series), "mean": round(mean, 3), "standard_deviation": round(deviation, 3), "median": statistics.median(series)}
