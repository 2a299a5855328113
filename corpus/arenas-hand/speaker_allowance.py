"""Speakers of a conference and the daily allowances of its travel office."""

# id -> (name, home city, affiliation, grade)
SPEAKERS = {
    "SPK-3140": ("Odile Garnier", "Lyon", "Institut Ampère", "senior"),
    "SPK-3152": ("Tomasz Wrona", "Gdansk", "Baltic Polytechnic", "senior"),
    "SPK-3167": ("Ingrid Solheim", "Bergen", "Fjord Research", "keynote"),
    "SPK-3174": ("Rafael Quintas", "Porto", "Douro University", "junior"),
    "SPK-3189": ("Giulia Ferrante", "Bologna", "Archivio Tecnico", "senior"),
    "SPK-3193": ("Haruka Minami", "Osaka", "Kansai Robotics", "keynote"),
    "SPK-3205": ("Lotte Verbeek", "Utrecht", "Delta Labs", "junior"),
    "SPK-3218": ("Pavel Hruby", "Brno", "Moravian Academy", "senior"),
    "SPK-3221": ("Siobhan Keane", "Galway", "Atlantic Institute", "senior"),
    "SPK-3236": ("Mikkel Thorsen", "Aarhus", "Jutland Energy", "junior"),
    "SPK-3244": ("Carmen Ibarra", "Valencia", "Turia Centre", "keynote"),
    "SPK-3259": ("Zsofia Lantos", "Szeged", "Tisza College", "senior"),
    "SPK-3263": ("Anders Bjork", "Uppsala", "Northern Data", "senior"),
    "SPK-3278": ("Nikos Vellis", "Patras", "Ionian Systems", "junior"),
    "SPK-3287": ("Odile Marchetti", "Lausanne", "Leman Optics", "senior"),
}
# country -> euros a day before the factor of the grade
RATES = {
    "france": 92.5, "poland": 61.0, "norway": 118.4, "portugal": 74.2, "italy": 86.9, "japan": 104.3, "netherlands": 95.6,
    "czechia": 63.8, "ireland": 99.1, "denmark": 112.7, "spain": 81.4, "hungary": 58.5, "sweden": 107.2, "greece": 70.6,
    "switzerland": 126.0, "germany": 90.3, "austria": 88.7, "belgium": 93.4,
}
GRADES = {"junior": 0.85, "senior": 1.0, "keynote": 1.3}


def _text(name: str, value, least: int) -> str:
    if not isinstance(value, str) or not least <= len(value.strip()) <= 50:
        raise ValueError(f"{name} must be a text of {least} to 50 characters")
    return " ".join(value.lower().split())


def find_speaker(full_name: str) -> dict:
    """Identifier of the speaker with this name."""
    wanted = _text("full_name", full_name, 5)
    for key, row in SPEAKERS.items():
        if row[0].lower() == wanted:
            return {"speaker_id": key}
    return {"error": "nobody of this name speaks at the conference"}


def speaker_profile(speaker_id: str) -> dict:
    """Home city, affiliation and grade of a speaker."""
    row = SPEAKERS.get(_text("speaker_id", speaker_id, 1).upper())
    if row is None:
        return {"error": "unknown speaker_id"}
    return {"home_city": row[1], "affiliation": row[2], "grade": row[3]}


def country_allowance(home_country: str, grade: str) -> dict:
    """Allowance a day for a traveller who lives in a country."""
    if not isinstance(grade, str) or grade not in GRADES:
        raise ValueError("unknown grade")
    rate = RATES.get(_text("home_country", home_country, 3))
    if rate is None:
        return {"error": "the travel office has no rate for this country"}
    return {"per_day": round(rate * GRADES[grade], 2), "currency": "EUR", "needs_receipts": rate > 100}
