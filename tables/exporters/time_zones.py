"""Countries, zones, aliases and offset changes of the IANA time-zone database.

The only derived columns are decimal degrees and the offsets, which come from the time-zone files themselves.
"""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, reset_tzpath

from .common import write


def table_lines(packages, name):
    """Fields of the lines of a tab-separated file of the time-zone database, without comments."""
    text = (packages / "tzdata" / "zoneinfo" / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def degrees(text):
    """ISO 6709 `±DDMM[SS]` or `±DDDMM[SS]` as decimal degrees."""
    sign, digits = (-1 if text[0] == "-" else 1), text[1:]
    seconds = digits[-2:] if len(digits) >= 6 else "0"
    whole = digits[:-2] if len(digits) >= 6 else digits
    return round(sign * (int(whole[:-2]) + int(whole[-2:]) / 60 + int(seconds) / 3600), 4)


def offset_changes(zone):
    """(UTC time, minutes before, minutes after) of every change of the UTC offset from 2005 to 2024."""
    clock = ZoneInfo(zone)
    offset = lambda moment: int(moment.astimezone(clock).utcoffset().total_seconds()) // 60
    day, end = datetime(2005, 1, 1, tzinfo=timezone.utc), datetime(2025, 1, 1, tzinfo=timezone.utc)
    while day < end:
        following = day + timedelta(days=1)
        before, after = offset(day), offset(following)
        if before != after:
            low, high = 0, 24 * 60
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(day + timedelta(minutes=middle)) == before else (low, middle)
            yield (day + timedelta(minutes=high)).strftime("%Y-%m-%d %H:%M"), before, after
        day = following


def export(folder, packages):
    """Countries, zones, aliases and offset changes of the IANA time-zone database."""
    reset_tzpath(to=[])  # The package's files, not the system's.
    write(folder / "countries.csv", ["country_code", "name"], table_lines(packages, "iso3166.tab"))
    zones, changes = [], []
    for country, coordinates, zone, *comment in sorted(table_lines(packages, "zone.tab"), key=lambda line: line[2]):
        split = max(coordinates.rfind("+"), coordinates.rfind("-"))
        january, july = (
            int(datetime(2024, month, 1, tzinfo=ZoneInfo(zone)).utcoffset().total_seconds()) // 60 for month in (1, 7)
        )
        zones.append([zone, country, degrees(coordinates[:split]), degrees(coordinates[split:]), january, july,
                      comment[0] if comment else None])
        changes += [[zone, *change] for change in offset_changes(zone)]
    write(folder / "time_zones.csv",
          ["zone", "country_code", "latitude_degrees", "longitude_degrees", "january_2024_utc_offset_minutes",
           "july_2024_utc_offset_minutes", "coverage"], zones)
    write(folder / "offset_changes.csv",
          ["offset_change_id", "zone", "changed_at_utc", "offset_before_minutes", "offset_after_minutes"],
          [[number, *change] for number, change in enumerate(changes, 1)])
    known = {zone[0] for zone in zones}
    links = (line.split() for line in (packages / "tzdata" / "zoneinfo" / "tzdata.zi").read_text().splitlines()
             if line.startswith("L "))
    write(folder / "aliases.csv", ["alias", "zone"],
          sorted([alias, zone] for _, zone, alias in links if zone in known and alias not in known))
