"""Stars visible to the naked eye, constellations, Chinese asterisms and bright deep-sky objects.

A star's constellation is the one whose boundary it lies in (a point-in-polygon test on the boundaries that the package
ships), which for a few Flamsteed numbers is another than the one in its name. A Chinese asterism is found by the
star's traditional name, and only where one asterism has that name. Kinds of galaxies are not told apart, because the
source contradicts itself there; objects of catalogues that give classes of brightness instead of magnitudes are left
out, and so are star-forming regions and dark and reflection nebulae. The source has the Chinese names of
constellations in traditional characters; OpenCC's table turns them into simplified ones.
"""

import re
from collections import Counter

from opencc import OpenCC

from .common import numbered, read_json, write

GALAXIES = {"s", "s0", "sd", "i", "e", "g"}
KINDS = {"oc": "open cluster", "gc": "globular cluster", "pn": "planetary nebula", "snr": "supernova remnant",
         "en": "emission nebula", "bn": "bright nebula"}
CATALOGUES = {"NGC", "IC", "C", "M", "Cr", "PGC"}
CHINESE_NUMERAL = re.compile("[一二三四五六七八九十廿卅百]+$")


def unwrapped(ring):
    """A ring whose longitudes do not jump at ±180°."""
    out = [tuple(ring[0])]
    for x, y in ring[1:]:
        x += 360 * round((out[-1][0] - x) / 360)
        out.append((x, y))
    return out


def inside(x, y, ring):
    """Ray casting."""
    within = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            within = not within
    return within


class Boundaries:
    """Constellation by place; what lies in no ring lies in one of the two around the poles, which are left out."""

    def __init__(self, features):
        self.rings, self.poles = [], {}
        for feature in features:
            shape = feature["geometry"]
            parts = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
            for part in parts:
                ring = unwrapped(part[0])
                if abs(ring[-1][0] - ring[0][0]) > 180:
                    self.poles[ring[0][1] > 0] = feature["id"]
                else:
                    self.rings.append((feature["id"], ring))

    def find(self, x, y):
        for code, ring in self.rings:
            if any(inside(x + turn, y, ring) for turn in (-360, 0, 360)):
                return code
        return self.poles[y > 0]


def export(folder, packages):
    data = packages / "d3-celestial" / "data"
    boundaries = Boundaries(read_json(data / "constellations.bounds.json")["features"])
    genitives = write_constellations(folder, read_json(data / "constellations.json")["features"])
    asterisms = write_asterisms(folder, read_json(data / "constellations.cn.json")["features"])
    names, chinese = read_json(data / "starnames.json"), read_json(data / "starnames.cn.json")
    rows = []
    for feature in read_json(data / "stars.6.json")["features"]:
        about = names.get(str(feature["id"]), {})
        letter, flamsteed = about.get("bayer") or None, about.get("flam") or None
        if not about.get("c") or not (about.get("name") or letter or flamsteed):
            continue
        x, y = feature["geometry"]["coordinates"]
        traditional = chinese.get(str(feature["id"]), {}).get("name", "").rstrip("*")
        label = about.get("name") or f"{letter or flamsteed} {genitives[about['c']]}"
        rows.append([feature["id"], label, traditional or None, boundaries.find(x, y), asterism_of(traditional, asterisms),
                     feature["properties"]["mag"], float(feature["properties"]["bv"] or "nan"), x % 360, y,
                     bool(about.get("var"))])
    times = Counter(row[1] for row in rows)
    for row in rows:
        row[6] = None if row[6] != row[6] else row[6]
        row[7] = round(row[7], 4)
    write(folder / "stars.csv",
          ["hip_number", "name", "chinese_name", "constellation_code", "asterism_id", "apparent_magnitude",
           "color_index", "right_ascension_degrees", "declination_degrees", "is_variable"],
          sorted(row for row in rows if times[row[1]] == 1))
    write_objects(folder, read_json(data / "dsos.14.json")["features"], read_json(data / "dsonames.json"), boundaries)


def write_constellations(folder, features):
    """Writes the 88 constellations (Serpens has two parts in the source); returns genitives by code."""
    found = {}
    for about in (feature["properties"] for feature in features):
        found.setdefault(about["desig"], about)
    rows, simplified = [], OpenCC("t2s")
    for code, about in sorted(found.items()):
        name = about["name"].removesuffix(" Caput").removesuffix(" Cauda")
        meaning = about["en"].split(" (")[0]
        chinese = simplified.convert(about["zh"])
        rows.append([code, name, chinese, meaning, about["gen"], int(about["rank"])])
    write(folder / "constellations.csv",
          ["constellation_code", "name", "chinese_name", "english_meaning", "genitive", "prominence_rank"], rows)
    return {row[0]: row[4] for row in rows}


def write_asterisms(folder, features):
    """Writes the Chinese asterisms; returns ids by name without the note in parentheses, where that is distinct."""
    found = sorted((feature["properties"]["name"], feature["properties"]) for feature in features)
    plain = [re.sub(r"\(.*", "", name) for name, _ in found]
    times = Counter(plain)
    rows = [[number, name.replace("(", "（").replace(")", "）"), about["en"], about["pinyin"], "附官" in name,
             round(place[0] % 360, 3), round(place[1], 3)]
            for number, (name, about) in enumerate(found, 1) for place in [about["display"]]]
    write(folder / "asterisms.csv",
          ["asterism_id", "name", "english_name", "pinyin", "is_auxiliary", "center_right_ascension_degrees",
           "center_declination_degrees"], rows)
    return {name: number for number, name in enumerate(plain, 1) if times[name] == 1}


def asterism_of(traditional, asterisms):
    """Id of the asterism that a traditional name begins with: 王良增九 is in 王良."""
    if not traditional:
        return None
    stem = CHINESE_NUMERAL.sub("", traditional).removesuffix("增")
    return asterisms.get(stem)


def write_objects(folder, features, names, boundaries):
    """Deep-sky objects of magnitude 11 and brighter."""
    rows = []
    for feature in features:
        about, (x, y) = feature["properties"], feature["geometry"]["coordinates"]
        kind = "galaxy" if about["type"] in GALAXIES else KINDS.get(about["type"])
        magnitude = float(about["mag"] or 999)
        if not kind or not 0 < magnitude <= 11 or feature["id"].split()[0] not in CATALOGUES:
            continue
        called = names.get(feature["id"], {})
        messier = about["desig"].removeprefix("M ") if about["desig"].startswith("M ") else None
        sizes = [round(float(size), 2) for size in re.findall(r"\d+\.?\d*", about["dim"])]
        rows.append([feature["id"], called.get("name") or feature["id"], kind,
                     int(messier) if messier and messier.isdigit() else None, boundaries.find(x, y), magnitude,
                     max(sizes, default=None), round(x % 360, 4), round(y, 4)])
    ids = numbered(row[0] for row in rows)
    write(folder / "deep_sky_objects.csv",
          ["deep_sky_object_id", "name", "catalogue_designation", "kind", "messier_number",
           "constellation_code", "apparent_magnitude", "apparent_size_arcmin", "right_ascension_degrees",
           "declination_degrees"],
          sorted([ids[row[0]], row[1], row[0], *row[2:]] for row in rows))
