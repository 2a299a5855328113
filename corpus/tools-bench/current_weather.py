from typing import Any, Dict

WEATHER_DATA: Dict[str, Dict[str, Any]] = {
    "london": {"temp_c": 14.2, "humidity": 78, "condition": "light rain", "wind_kph": 19.5},
    "tokyo": {"temp_c": 26.8, "humidity": 61, "condition": "partly cloudy", "wind_kph": 11.0},
    "cairo": {"temp_c": 35.4, "humidity": 18, "condition": "sunny", "wind_kph": 14.3},
    "reykjavik": {"temp_c": 6.1, "humidity": 84, "condition": "overcast", "wind_kph": 32.7},
    "nairobi": {"temp_c": 21.9, "humidity": 55, "condition": "scattered clouds", "wind_kph": 9.4},
}


def get_current_weather(location: str, unit: str = "celsius") -> Dict[str, Any]:
    """Return the current weather of a city.

    Args:
        location: Name of the city.
        unit: "celsius" or "fahrenheit".
    """
    if not isinstance(location, str) or not location.strip():
        return {"error": "location must be a non-empty string"}
    if unit not in ("celsius", "fahrenheit"):
        return {"error": f"unsupported unit '{unit}'"}
    record = WEATHER_DATA.get(location.strip().lower())
    if record is None:
        return {"error": f"no weather data for '{location}'", "available": sorted(WEATHER_DATA)}
    temperature = record["temp_c"] if unit == "celsius" else round(record["temp_c"] * 9 / 5 + 32, 1)
    return {
        "location": location.strip().title(),
        "temperature": temperature,
        "unit": unit,
        "humidity": record["humidity"],
        "condition": record["condition"],
        "wind_kph": record["wind_kph"],
    }
