"""Trails of an invented range. Two tools overlap: one gives the leaflet's round numbers, one the surveyed profile."""
from itertools import pairwise

# id -> (name, valley, length in km, surveyed heights from south to north)
TRAILS = {
    "TR-208": ("Heron Traverse", "Aldergill", 17.4, (612, 894, 1107, 986, 1243, 1198, 871)),
    "TR-213": ("Heron Loop", "Aldergill", 6.2, (612, 731, 640, 612)), "TR-219": ("Miller's Way", "Aldergill", 9.8, (540, 655, 702, 588)),
    "TR-224": ("Slate Stairs", "Bramdale", 4.7, (480, 911, 905)), "TR-231": ("Long Moss", "Bramdale", 13.5, (455, 470, 512, 498, 530)),
    "TR-237": ("Kestrel Edge", "Bramdale", 11.1, (505, 780, 1012, 944, 1020)), "TR-242": ("Old Tram", "Corrin", 8.3, (310, 388, 402, 395)),
    "TR-248": ("Beacon Path", "Corrin", 5.9, (330, 721)), "TR-253": ("Seven Tarns", "Corrin", 19.2, (350, 640, 588, 702, 655, 760, 690, 420)),
    "TR-259": ("Fern Hollow", "Dunter", 3.6, (205, 260, 244)), "TR-264": ("Crag and Water", "Dunter", 12.7, (190, 566, 420, 610, 333)),
    "TR-270": ("Shepherd's Round", "Dunter", 10.4, (215, 480, 455, 512, 215)), "TR-276": ("Winter Road", "Eskhope", 15.8, (620, 880, 1150, 760)),
    "TR-281": ("Pine Gallery", "Eskhope", 7.1, (640, 702, 690, 655)), "TR-287": ("North Gully", "Eskhope", 6.6, (655, 1190, 1302)),
    "TR-293": ("Raven Steps", "Eskhope", 4.2, (700, 1045)),
}


def find_trail(name: str) -> dict:
    """Identifier of a trail by its full name."""
    if not isinstance(name, str) or not 3 <= len(name.strip()) <= 40:
        raise ValueError("name must be a trail name of 3 to 40 characters")
    wanted = " ".join(name.lower().split())
    for key, row in TRAILS.items():
        if row[0].lower() == wanted:
            return {"trail_id": key, "valley": row[1]}
    return {"error": "no trail of this name"}


def _row(trail_id):
    if not isinstance(trail_id, str) or not 1 <= len(trail_id) <= 12:
        raise ValueError("trail_id must come from the trail search")
    return TRAILS.get(trail_id.strip().upper())


def trail_leaflet(trail_id: str) -> dict:
    """What the tourist leaflet says: rounded length, rounded climb, difficulty."""
    row = _row(trail_id)
    if row is None:
        return {"error": "unknown trail_id"}
    climb = max(row[3]) - row[3][0]
    grade = "easy" if climb < 150 else "moderate" if climb < 450 else "strenuous"
    return {"name": row[0], "length_km": round(row[2]), "climb_m": round(climb, -2), "difficulty": grade}


def trail_survey(trail_id: str, direction: str, pace_kmh: float = 4.0) -> dict:
    """Surveyed profile in one direction: exact length, summed ascent and descent, walking time."""
    if direction not in ("northbound", "southbound"):
        raise ValueError("direction must be northbound or southbound")
    if isinstance(pace_kmh, bool) or not isinstance(pace_kmh, (int, float)) or not 1 <= pace_kmh <= 8:
        raise ValueError("pace_kmh must be between 1 and 8")
    row = _row(trail_id)
    if row is None:
        return {"error": "unknown trail_id"}
    heights = row[3] if direction == "northbound" else row[3][::-1]
    ascent = sum(max(0, b - a) for a, b in pairwise(heights))
    descent = sum(max(0, a - b) for a, b in pairwise(heights))
    minutes = round(60 * row[2] / pace_kmh + ascent / 10)
    return {"length_km": row[2], "ascent_m": ascent, "descent_m": descent, "walking_minutes": minutes}
