import re
from collections import Counter

ATOMIC_MASS = {
    "H": 1.008, "C": 12.011, "N": 14.007, "O": 15.999, "Na": 22.990, "Mg": 24.305, "S": 32.06,
    "Cl": 35.45, "K": 39.098, "Ca": 40.078, "Fe": 55.845, "Cu": 63.546, "P": 30.974,
}
TOKEN = re.compile(r"([A-Z][a-z]?)(\d*)|(\()|(\))(\d*)")


class FormulaError(ValueError):
    """The text is not a chemical formula."""


def _parse(formula: str) -> Counter:
    stack = [Counter()]
    position = 0
    while position < len(formula):
        match = TOKEN.match(formula, position)
        if not match:
            raise FormulaError(f"unexpected {formula[position]!r} at position {position}")
        element, count, opened, closed, group_count = match.groups()
        if element:
            if element not in ATOMIC_MASS:
                raise FormulaError(f"unknown element {element}")
            stack[-1][element] += int(count or 1)
        elif opened:
            stack.append(Counter())
        elif closed:
            if len(stack) == 1:
                raise FormulaError("unbalanced parenthesis")
            group = stack.pop()
            for name, number in group.items():
                stack[-1][name] += number * int(group_count or 1)
        position = match.end()
    if len(stack) != 1:
        raise FormulaError("unbalanced parenthesis")
    return stack[0]


def molar_mass(formula: str) -> dict:
    """Molar mass and mass fractions of a compound such as Ca(OH)2."""
    atoms = _parse(formula)
    if not atoms:
        raise FormulaError("empty formula")
    masses = {name: ATOMIC_MASS[name] * number for name, number in atoms.items()}
    total = sum(masses.values())
    return {
        "formula": formula,
        "molar_mass": round(total, 3),
        "atoms": dict(sorted(atoms.items())),
        "percent": {name: round(100 * mass / total, 2) for name, mass in sorted(masses.items())},
    }
