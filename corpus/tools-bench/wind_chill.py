import math
from typing import Final

CALM_KPH: Final = 4.8


def _wind_chill(t: float, v: float) -> float:
    return 13.12 + 0.6215 * t - 11.37 * v**0.16 + 0.3965 * t * v**0.16


def _heat_index(t: float, rh: float) -> float:
    f = t * 9 / 5 + 32
    hi = (-42.379 + 2.04901523 * f + 10.14333127 * rh - 0.22475541 * f * rh - 6.83783e-3 * f * f
          - 5.481717e-2 * rh * rh + 1.22874e-3 * f * f * rh + 8.5282e-4 * f * rh * rh - 1.99e-6 * f * f * rh * rh)
    return (hi - 32) * 5 / 9


def feels_like(temperature: float, wind_kph: float = 0.0, humidity: float = 50.0) -> dict:
    """Apparent temperature from wind chill in the cold and heat index in the heat."""
    for name, value, low, high in (("temperature", temperature, -70, 60), ("wind_kph", wind_kph, 0, 300), ("humidity", humidity, 0, 100)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise TypeError(f"{name} must be a number")
        if not low <= value <= high:
            raise ValueError(f"{name} must be between {low} and {high}")
    if temperature <= 10 and wind_kph > CALM_KPH:
        method, value = "wind chill", _wind_chill(temperature, wind_kph)
    elif temperature >= 27 and humidity >= 40:
        method, value = "heat index", _heat_index(temperature, humidity)
    else:
        method, value = "air temperature", temperature
    return {"feels_like": round(value, 1), "method": method, "difference": round(value - temperature, 1)}
