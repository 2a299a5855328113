import re
from typing import Dict

COUNTRIES: Dict[str, Dict] = {
    "US": {"code": "1", "length": 10, "groups": (3, 3, 4)},
    "FR": {"code": "33", "length": 9, "groups": (1, 2, 2, 2, 2)},
    "CN": {"code": "86", "length": 11, "groups": (3, 4, 4)},
    "NO": {"code": "47", "length": 8, "groups": (2, 2, 2, 2)},
}


def format_phone(number: str, country: str = "US", style: str = "international") -> dict:
    """Normalise a phone number and print it in a style (international, e164 or masked)."""
    rules = COUNTRIES.get(country.upper())
    if not rules:
        return {"valid": False, "error": f"country {country} is not supported"}
    digits = re.sub(r"[^\d+]", "", number)
    if digits.startswith(("+", "00")):
        digits = digits.lstrip("+").removeprefix("00")
        if not digits.startswith(rules["code"]):
            return {"valid": False, "error": f"number does not belong to {country}"}
        digits = digits[len(rules["code"]):]
    digits = digits.lstrip("0") if country.upper() == "FR" else digits
    if len(digits) != rules["length"]:
        return {"valid": False, "error": f"expected {rules['length']} digits, got {len(digits)}"}
    parts, position = [], 0
    for size in rules["groups"]:
        parts.append(digits[position:position + size])
        position += size
    styles = {
        "international": lambda: f"+{rules['code']} {' '.join(parts)}",
        "e164": lambda: f"+{rules['code']}{digits}",
        "masked": lambda: " ".join(["*" * len(part) for part in parts[:-1]] + [parts[-1]]),
    }
    if style not in styles:
        return {"valid": False, "error": f"unknown style {style}"}
    return {"valid": True, "formatted": styles[style]()}
