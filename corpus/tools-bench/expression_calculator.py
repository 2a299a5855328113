"""A calculator as models like to write it: it evaluates its argument."""
import math

ALLOWED = {name: value for name, value in vars(math).items() if not name.startswith("_")}


def calculate(expression: str, precision: int = 6) -> dict:
    """Evaluate a mathematical expression such as "sqrt(2) * 3"."""
    if "__" in expression or len(expression) > 200:
        return {"error": "expression not allowed"}
    try:
        value = eval(expression, {"__builtins__": {}}, ALLOWED)
    except ZeroDivisionError:
        return {"error": "division by zero"}
    except NameError:
        return {"error": "unknown function or constant"}
    return {"expression": expression, "result": round(value, precision)}
