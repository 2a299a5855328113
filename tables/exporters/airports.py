"""Airports with scheduled-service codes, their regions, countries and time zones.

Airports are those that have both an IATA and an ICAO code, a city and a region. An elevation of exactly 0 is left
empty, because the source also writes 0 where it knows nothing.
"""

from datetime import datetime
from zoneinfo import ZoneInfo, reset_tzpath

from .common import numbered, read_csv, write
from .territories import currency_now, main_language, names


def offset(zone, month):
    """Minutes from UTC at the start of a month of 2024."""
    return int(datetime(2024, month, 1, tzinfo=ZoneInfo(zone)).utcoffset().total_seconds()) // 60


def export(folder, packages):
    reset_tzpath(to=[])  # The package's files, not the system's.
    english, chinese = names("territories")
    airports = sorted(
        (
            row
            for row in read_csv(packages / "airportsdata" / "airports.csv")
            if row["iata"] and row["icao"] and row["name"] and row["city"] and row["subd"]
            and row["country"] in english and row["tz"]
        ),
        key=lambda row: row["iata"],
    )
    regions = numbered((row["country"], row["subd"].strip()) for row in airports)
    write(folder / "airports.csv",
          ["iata_code", "icao_code", "name", "city", "region_id", "country_code", "time_zone", "elevation_ft",
           "latitude_degrees", "longitude_degrees"],
          ([row["iata"], row["icao"], row["name"], row["city"], regions[row["country"], row["subd"].strip()],
            row["country"], row["tz"], float(row["elevation"]) or None, float(row["lat"]), float(row["lon"])]
           for row in airports))
    write(folder / "regions.csv", ["region_id", "name", "country_code"],
          ([number, name, country] for (country, name), number in regions.items()))
    write(folder / "countries.csv", ["country_code", "name", "chinese_name", "currency", "main_language"],
          ([code, english[code], chinese[code], currency_now(code), main_language(code)]
           for code in sorted({row["country"] for row in airports})))
    write(folder / "time_zones.csv",
          ["time_zone", "january_2024_utc_offset_minutes", "july_2024_utc_offset_minutes", "is_offset_seasonal"],
          ([zone, offset(zone, 1), offset(zone, 7), offset(zone, 1) != offset(zone, 7)]
           for zone in sorted({row["tz"] for row in airports})))
