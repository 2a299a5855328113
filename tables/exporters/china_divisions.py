"""Administrative divisions of mainland China: provinces, cities, counties, and the townships of five provinces.

Codes and names are those of the statistics bureau's tables; coordinates come from a second package and are joined by
code. The nameless cities below municipalities ("市辖区") and the collective entries for counties that answer to the
province directly are named after their province. The townships of all provinces would be 41,000 rows.
"""

from collections import Counter

from .common import read_csv, write

TOWNSHIP_PROVINCES = {"11", "12", "31", "46", "64"}
COLLECTIVE = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
PROVINCE_KINDS = ("自治区", "省", "市")
CITY_KINDS = ("直辖县级行政区划", "市辖区", "自治州", "地区", "盟", "市", "县")
COUNTY_KINDS = ("自治县", "自治旗", "林区", "特区", "新区", "开发区", "旗", "县", "市", "区")
TOWNSHIP_KINDS = ("街道", "民族乡", "族乡", "镇", "乡")
SAID = {"族乡": "民族乡", "区": "市辖区", "直辖县级行政区划": "省直辖县级行政区划"}


def kind(name, kinds, other):
    """What a division is, by the end of its name."""
    found = next((end for end in kinds if name.endswith(end)), other)
    return SAID.get(found, found)


def export(folder, packages):
    dist = packages / "china-division" / "dist"
    table = {name: read_csv(dist / f"{name}.csv") for name in ("provinces", "cities", "areas", "streets", "villages")}
    places = {row["adcode"]: row for row in read_csv(packages / "cpca" / "resources" / "adcodes.csv")}

    def place(code, name):
        row = places.get(code.ljust(12, "0"))
        # Codes are used again after reforms, so the name must be the same too.
        if not row or not row["longitude"] or row["name"] != name:
            return [None, None]
        return [float(row["longitude"]), float(row["latitude"])]

    provinces = {row["code"]: row["name"] for row in table["provinces"]}
    write(folder / "provinces.csv", ["province_code", "name", "kind", "longitude_degrees", "latitude_degrees"],
          ([code, name, kind(name, PROVINCE_KINDS, None).replace("市", "直辖市"), *place(code, name)]
           for code, name in sorted(provinces.items())))

    def city_name(row):
        return provinces[row["provinceCode"]] + row["name"] if row["name"] in COLLECTIVE else row["name"]

    cities = sorted(table["cities"], key=lambda row: row["code"])
    write(folder / "cities.csv",
          ["city_code", "name", "province_code", "kind", "longitude_degrees", "latitude_degrees"],
          ([row["code"], city_name(row), row["provinceCode"],
            ("地级市" if kind(row["name"], CITY_KINDS, None) == "市" else kind(row["name"], CITY_KINDS, None)),
            *place(row["code"], row["name"])] for row in cities))

    kept = counties(folder, table, place)
    villages = Counter(row["streetCode"] for row in table["villages"])
    write(folder / "townships.csv", ["township_code", "name", "county_code", "kind", "village_count"],
          ([row["code"], row["name"], row["areaCode"], kind(row["name"], TOWNSHIP_KINDS, "其他"),
            villages[row["code"]]]
           for row in sorted(table["streets"], key=lambda row: row["code"])
           if row["provinceCode"] in TOWNSHIP_PROVINCES and row["areaCode"] in kept))


def counties(folder, table, place):
    """Writes the counties with the number of each kind of township below them; returns their codes.

    Development zones and other units that are in the statistics only are left out.
    """
    below = Counter((row["areaCode"], kind(row["name"], TOWNSHIP_KINDS, "其他")) for row in table["streets"])
    villages = Counter(row["areaCode"] for row in table["villages"])
    named = {"市": "县级市"}
    rows = []
    for row in sorted(table["areas"], key=lambda row: row["code"]):
        code, what = row["code"], kind(row["name"], COUNTY_KINDS, None)
        if code[4] in "012358" and what and what != "开发区" and villages[code]:
            rows.append([code, row["name"], row["cityCode"], named.get(what, what), *place(code, row["name"]),
                         below[code, "街道"], below[code, "镇"], below[code, "乡"] + below[code, "民族乡"],
                         villages[code]])
    write(folder / "counties.csv",
          ["county_code", "name", "city_code", "kind", "longitude_degrees", "latitude_degrees", "subdistrict_count",
           "town_count", "rural_township_count", "village_count"], rows)
    return {row[0] for row in rows}
