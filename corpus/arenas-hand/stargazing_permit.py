"""Observing sites of a dark-sky park: search and conditions. The tool that prices a permit is not offered."""
import math

# id -> (name, altitude in metres, sky quality in mag/arcsec2, winter road)
SITES = {
    "SG-11": ("Raven Plateau", 1840, 21.72, False), "SG-14": ("Lower Raven Hut", 1310, 21.18, True),
    "SG-17": ("Three Cairns", 2075, 21.85, False), "SG-20": ("Juniper Saddle", 1622, 21.54, True),
    "SG-23": ("Old Weather Mast", 1498, 21.33, True), "SG-26": ("Marten Ridge", 1955, 21.79, False),
    "SG-29": ("Sheepfold Meadow", 1120, 20.87, True), "SG-32": ("Lake of Glass", 1734, 21.61, False),
    "SG-35": ("Silent Quarry", 1265, 20.98, True), "SG-38": ("Signal Stone", 2210, 21.91, False),
    "SG-41": ("Gentian Terrace", 1580, 21.47, True), "SG-44": ("Wolf Gate", 1873, 21.70, False),
    "SG-47": ("Chapel Knoll", 1044, 20.71, True), "SG-50": ("Broken Larch", 1687, 21.58, False),
    "SG-53": ("Echo Basin", 1936, 21.76, False),
}
CLEAR_NIGHTS = {
    "january": 0.34, "february": 0.38, "march": 0.43, "april": 0.41, "may": 0.44, "june": 0.49,
    "july": 0.56, "august": 0.58, "september": 0.53, "october": 0.47, "november": 0.35, "december": 0.31,
}


def find_site(name: str) -> dict:
    """Identifier of an observing site."""
    if not isinstance(name, str) or not 3 <= len(name.strip()) <= 40:
        raise ValueError("name must be a site name of 3 to 40 characters")
    wanted = " ".join(name.lower().split())
    for key, row in SITES.items():
        if row[0].lower() == wanted:
            return {"site_id": key, "altitude_m": row[1]}
    return {"error": "no site of this name in the park"}


def site_conditions(site_id: str, month: str) -> dict:
    """Expected seeing, clear nights and access of a site in a month."""
    if not isinstance(month, str) or month not in CLEAR_NIGHTS:
        raise ValueError("unknown month")
    if not isinstance(site_id, str) or len(site_id) > 10:
        raise ValueError("site_id must come from the site search")
    row = SITES.get(site_id.strip().upper())
    if row is None:
        return {"error": "unknown site_id"}
    winter = month in ("december", "january", "february", "march")
    return {
        "sky_quality": row[2],
        "clear_nights_percent": round(100 * CLEAR_NIGHTS[month] * math.exp((row[1] - 1500) / 9000)),
        "reachable_by_car": row[3] or not winter,
    }
