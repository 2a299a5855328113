from functools import partial, reduce

LENGTH = {"m": 1.0, "km": 1000.0, "cm": 0.01, "mi": 1609.344, "ft": 0.3048, "in": 0.0254}
MASS = {"kg": 1.0, "g": 0.001, "lb": 0.45359237, "oz": 0.028349523125}
TIME = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def _by_factor(table, value, source, target):
    return value * table[source] / table[target]


def _temperature(value, source, target):
    kelvin = {"C": lambda v: v + 273.15, "F": lambda v: (v - 32) * 5 / 9 + 273.15, "K": lambda v: v}[source](value)
    return {"C": lambda k: k - 273.15, "F": lambda k: (k - 273.15) * 9 / 5 + 32, "K": lambda k: k}[target](kelvin)


CONVERTERS = [
    (set(LENGTH), partial(_by_factor, LENGTH)),
    (set(MASS), partial(_by_factor, MASS)),
    (set(TIME), partial(_by_factor, TIME)),
    ({"C", "F", "K"}, _temperature),
]
SUPPORTED = sorted(reduce(lambda seen, pair: seen | pair[0], CONVERTERS, set()))


def convert_units(value: float, from_unit: str, to_unit: str, digits: int = 4) -> dict:
    """Convert between units of length, mass, time or temperature."""
    for unit in (from_unit, to_unit):
        if unit not in SUPPORTED:
            return {"error": f"unsupported unit: {unit}", "supported": SUPPORTED}
    for names, convert in CONVERTERS:
        if from_unit in names and to_unit in names:
            return {"input": f"{value} {from_unit}", "result": round(convert(value, from_unit, to_unit), digits), "unit": to_unit}
    return {"error": f"cannot convert {from_unit} to {to_unit}"}
