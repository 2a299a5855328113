"""Readings of a network of sea buoys, four a day."""
import csv
import io
from datetime import date
from statistics import fmean

LOG = """code,day,quantity,h00,h06,h12,h18
KV-104,2024-03-13,water_temperature,7.1,6.9,7.8,7.6
KV-104,2024-03-14,water_temperature,7.3,7.0,8.1,7.7
KV-104,2024-03-14,wave_height,1.2,1.6,1.9,1.4
KV-207,2024-03-13,water_temperature,9.4,9.1,9.9,9.7
KV-207,2024-03-14,water_temperature,9.8,9.3,10.4,10.0
KV-207,2024-03-14,wave_height,0.8,0.7,1.1,0.9
KV-231,2024-03-14,water_temperature,11.2,10.8,11.9,11.5
KV-231,2024-03-14,wind_speed,6.1,7.4,9.0,8.2
KV-318,2024-03-13,water_temperature,8.0,7.7,8.8,8.4
KV-318,2024-03-14,water_temperature,8.6,8.1,9.7,9.2
KV-318,2024-03-14,wave_height,2.1,2.6,3.3,2.8
KV-318,2024-03-14,air_pressure,1004.2,1003.1,1001.8,1002.7
KV-318,2024-03-15,water_temperature,8.9,8.4,9.6,9.3
KV-340,2024-03-14,water_temperature,6.2,6.0,6.7,6.5
KV-340,2024-03-14,salinity,34.1,34.2,34.0,34.1
KV-355,2024-03-14,water_temperature,12.9,12.5,13.6,13.1
KV-372,2024-03-14,water_temperature,5.4,5.1,5.9,5.8
KV-381,2024-03-14,water_temperature,10.1,9.9,10.9,10.3
KV-402,2024-03-14,water_temperature,7.9,7.5,8.2,8.0
KV-402,2024-03-14,wind_speed,11.2,12.8,14.1,13.0
"""
UNITS = {
    "water_temperature": "degC",
    "wave_height": "m",
    "wind_speed": "m/s",
    "air_pressure": "hPa",
    "salinity": "g/kg",
}
HOURS = ("h00", "h06", "h12", "h18")


def _table() -> dict:
    rows = csv.DictReader(io.StringIO(LOG))
    return {(row["code"], row["day"], row["quantity"]): [float(row[hour]) for hour in HOURS] for row in rows}


READINGS = _table()


def read_buoy_log(buoy_code: str, day: str, quantity: str) -> dict:
    """Mean, lowest and highest of the four readings of one day."""
    if not isinstance(buoy_code, str) or not 4 <= len(buoy_code) <= 12:
        raise ValueError("buoy_code must be a code printed on the buoy")
    if not isinstance(quantity, str) or quantity not in UNITS:
        raise ValueError("quantity is not measured by this network")
    try:
        wanted = date.fromisoformat(day).isoformat()
    except (TypeError, ValueError):
        raise ValueError("day must be written YYYY-MM-DD") from None
    readings = READINGS.get((buoy_code.strip().upper(), wanted, quantity))
    if readings is None:
        return {"error": "no readings for this buoy, day and quantity"}
    return {
        "unit": UNITS[quantity],
        "readings": len(readings),
        "mean": round(fmean(readings), 2),
        "lowest": min(readings),
        "highest": max(readings),
    }
