from decimal import ROUND_HALF_UP, Decimal
from enum import Enum


class Service(Enum):
    ECONOMY = "economy"
    STANDARD = "standard"
    EXPRESS = "express"


class ShippingError(ValueError):
    """Raised when a parcel cannot be shipped."""


RATES = {
    Service.ECONOMY: (Decimal("3.90"), Decimal("1.10")),
    Service.STANDARD: (Decimal("5.40"), Decimal("1.65")),
    Service.EXPRESS: (Decimal("12.00"), Decimal("3.20")),
}
ZONES = {"domestic": Decimal("1"), "europe": Decimal("1.75"), "world": Decimal("2.60")}


def calculate_shipping(weight_kg: float, length_cm: float, width_cm: float, height_cm: float,
                       service: str = "standard", zone: str = "domestic") -> dict:
    """Price a parcel by the larger of actual and volumetric weight."""
    try:
        chosen = Service(service)
    except ValueError:
        raise ShippingError(f"unknown service: {service}") from None
    if zone not in ZONES:
        raise ShippingError(f"unknown zone: {zone}")
    if min(weight_kg, length_cm, width_cm, height_cm) <= 0:
        raise ShippingError("weight and dimensions must be positive")
    volumetric = Decimal(str(length_cm)) * Decimal(str(width_cm)) * Decimal(str(height_cm)) / Decimal(5000)
    billable = max(Decimal(str(weight_kg)), volumetric)
    if billable > 31:
        raise ShippingError("parcel is heavier than 31 kg")
    base, per_kg = RATES[chosen]
    price = ((base + per_kg * billable) * ZONES[zone]).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return {"service": chosen.value, "zone": zone, "billable_kg": float(billable), "price": str(price), "currency": "EUR"}
