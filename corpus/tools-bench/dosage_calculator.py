from typing import NamedTuple, Optional


class Drug(NamedTuple):
    mg_per_kg: float
    max_single_mg: float
    interval_hours: int
    min_age_years: float


FORMULARY = {
    "paracetamol": Drug(15.0, 1000.0, 6, 0.25),
    "ibuprofen": Drug(10.0, 400.0, 8, 0.5),
    "amoxicillin": Drug(25.0, 500.0, 8, 0.0),
    "cetirizine": Drug(0.25, 10.0, 24, 2.0),
}


class DosageError(Exception):
    pass


def calculate_dosage(drug: str, weight_kg: float, age_years: Optional[float] = None,
                     concentration_mg_per_ml: Optional[float] = None) -> dict:
    """Illustrative weight-based dose (not medical advice).

    Raises:
        DosageError: for unknown drugs or impossible patients.
    """
    entry = FORMULARY.get(drug.lower())
    if entry is None:
        raise DosageError(f"{drug} is not in the formulary")
    if not 2 <= weight_kg <= 250:
        raise DosageError("weight must be between 2 and 250 kg")
    if age_years is not None and age_years < entry.min_age_years:
        raise DosageError(f"{drug} is not given below {entry.min_age_years} years")
    raw = entry.mg_per_kg * weight_kg
    single = min(raw, entry.max_single_mg)
    result = {
        "drug": drug.lower(),
        "single_dose_mg": round(single, 1),
        "capped": raw > entry.max_single_mg,
        "doses_per_day": 24 // entry.interval_hours,
        "daily_total_mg": round(single * (24 // entry.interval_hours), 1),
    }
    if concentration_mg_per_ml:
        result["volume_ml"] = round(single / concentration_mg_per_ml, 2)
    return result
