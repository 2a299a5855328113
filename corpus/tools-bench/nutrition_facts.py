from collections import ChainMap
from typing import Dict, Tuple

# per 100 g: kcal, protein, fat, carbohydrate
FOODS: Dict[str, Tuple[float, float, float, float]] = {
    "oats": (372, 13.5, 7.0, 58.7), "banana": (93, 1.1, 0.3, 20.0), "milk": (64, 3.4, 3.6, 4.7),
    "egg": (137, 11.9, 9.3, 1.5), "rice": (350, 7.4, 0.6, 77.7), "lentils": (324, 23.5, 1.4, 49.3), "olive oil": (882, 0.0, 99.6, 0.2),
}
USER_FOODS: Dict[str, Tuple[float, float, float, float]] = {}
LOOKUP = ChainMap(USER_FOODS, FOODS)
NUTRIENTS = ("kcal", "protein", "fat", "carbs")


def meal_nutrition(items: dict, define: dict = None) -> dict:
    """Add up the nutrients of a meal given as food -> grams; `define` adds own foods first."""
    for name, values in (define or {}).items():
        if len(values) != len(NUTRIENTS):
            raise ValueError(f"{name}: expected {len(NUTRIENTS)} values")
        USER_FOODS[name.lower()] = tuple(values)
    unknown = [name for name in items if name.lower() not in LOOKUP]
    if unknown:
        return {"error": "unknown foods", "foods": unknown}
    totals = dict.fromkeys(NUTRIENTS, 0.0)
    for name, grams in items.items():
        if not isinstance(grams, (int, float)) or grams <= 0:
            raise TypeError(f"{name}: grams must be a positive number")
        for nutrient, value in zip(NUTRIENTS, LOOKUP[name.lower()]):
            totals[nutrient] += value * grams / 100
    totals = {name: round(value, 1) for name, value in totals.items()}
    energy = 4 * totals["protein"] + 9 * totals["fat"] + 4 * totals["carbs"]
    share = round(100 * 9 * totals["fat"] / energy, 1) if energy else 0.0
    return {"totals": totals, "fat_energy_percent": share}
