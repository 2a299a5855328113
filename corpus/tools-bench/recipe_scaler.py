from fractions import Fraction

RECIPES = {
    "pancakes": {"servings": 4, "ingredients": {"flour (cup)": "3/2", "milk (cup)": "5/4", "egg": "1", "sugar (tbsp)": "2", "salt (tsp)": "1/4"}},
    "tomato soup": {"servings": 6, "ingredients": {"tomato": "8", "onion": "1", "stock (cup)": "4", "cream (cup)": "1/3"}},
    "flatbread": {"servings": 8, "ingredients": {"flour (cup)": "4", "water (cup)": "3/2", "oil (tbsp)": "3", "yeast (tsp)": "9/4"}},
}


def _pretty(amount: Fraction) -> str:
    whole, rest = divmod(amount.numerator, amount.denominator)
    if rest == 0:
        return str(whole)
    part = f"{rest}/{amount.denominator}"
    return f"{whole} {part}" if whole else part


def scale_recipe(recipe: str, servings: int, round_to: int = 8) -> dict:
    """Scale the ingredients of a recipe to another number of servings, in exact fractions."""
    key = recipe.strip().lower()
    if key not in RECIPES:
        return {"error": f"unknown recipe: {recipe}", "known": list(RECIPES)}
    if servings < 1 or servings > 200:
        return {"error": "servings must be between 1 and 200"}
    base = RECIPES[key]
    factor = Fraction(servings, base["servings"])
    scaled = {}
    for name, amount in base["ingredients"].items():
        exact = Fraction(amount) * factor
        scaled[name] = _pretty(exact.limit_denominator(round_to))
    return {"recipe": key, "servings": servings, "factor": str(factor), "ingredients": scaled}
