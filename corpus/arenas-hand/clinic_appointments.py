"""Appointments of a clinic: booked, moved and cancelled in the state of the episode."""
from datetime import date

from astra import new_id

# id -> (name, specialty, fee, working weekdays)
DOCTORS = {
    "DR-A17": ("Helena Voss", "dermatology", 86.0, {0, 2, 3}), "DR-A29": ("Martin Okoro", "dermatology", 79.0, {1, 4}),
    "DR-B04": ("Ruth Ansell", "cardiology", 118.0, {0, 1, 3}), "DR-B33": ("Pedro Salas", "cardiology", 124.5, {2, 4}),
    "DR-C12": ("Ines Moreau", "orthopaedics", 97.0, {0, 3, 4}), "DR-C46": ("Jonas Ek", "orthopaedics", 94.5, {1, 2}),
    "DR-D08": ("Farid Nazari", "paediatrics", 64.0, {0, 1, 2, 3, 4}), "DR-D51": ("Clara Benn", "paediatrics", 61.5, {1, 3}),
    "DR-E20": ("Lucia Fabbri", "ophthalmology", 72.0, {0, 4}), "DR-E37": ("Tomas Hruska", "ophthalmology", 70.5, {1, 2, 3}),
    "DR-F15": ("Mei Tanaka", "neurology", 133.0, {2, 3}), "DR-F62": ("Samuel Adeyemi", "neurology", 129.0, {0, 1}),
    "DR-G09": ("Agnes Lund", "allergology", 81.0, {1, 3, 4}), "DR-G44": ("Viktor Reisz", "allergology", 77.5, {0, 2}),
    "DR-H27": ("Noor Haddad", "rheumatology", 102.0, {0, 2, 4}),
}
SLOTS = ("08:30", "09:15", "10:00", "10:45", "11:30", "14:00", "14:45", "15:30", "16:15")


def _text(name: str, value, least: int = 1) -> str:
    if not isinstance(value, str) or not least <= len(value.strip()) <= 60:
        raise ValueError(f"{name} must be a text of {least} to 60 characters")
    return " ".join(value.split())


def _time(state: dict, doctor_id: str, day: str, slot: str):
    """The day in ISO form, or an error why the doctor cannot be seen then."""
    if slot not in SLOTS:
        raise ValueError("slot is no consulting time")
    try:
        wanted = date.fromisoformat(day)
    except (TypeError, ValueError):
        raise ValueError("day must be written YYYY-MM-DD") from None
    if wanted.weekday() not in DOCTORS[doctor_id][3]:
        return None, {"error": "the doctor does not work on this weekday"}
    for other in state["appointments"].values():
        taken = (other["doctor_id"], other["day"], other["slot"]) == (doctor_id, wanted.isoformat(), slot)
        if taken and other["status"] == "booked":
            return None, {"error": "this time is taken"}
    return wanted.isoformat(), None


def find_doctor(name: str, specialty: str) -> dict:
    """Identifier of a doctor by name and specialty."""
    wanted = _text("name", name, 3).lower()
    for key, row in DOCTORS.items():
        if row[1] == specialty and wanted in (row[0].lower(), row[0].lower().split()[-1]):
            return {"doctor_id": key, "name": row[0]}
    return {"error": "no such doctor in this specialty"}


def book_appointment(state: dict, doctor_id: str, patient: str, day: str, slot: str) -> dict:
    """Book a free time with a doctor."""
    key = _text("doctor_id", doctor_id).upper()
    person = _text("patient", patient, 3)
    if key not in DOCTORS:
        return {"error": "unknown doctor_id"}
    wanted, problem = _time(state, key, day, slot)
    if problem:
        return problem
    record = {"doctor_id": key, "patient": person, "day": wanted, "slot": slot}
    number = new_id(state, "apt", record)
    state["appointments"][number] = {**record, "status": "booked", "moves": 0}
    return {"appointment_id": number, "fee": DOCTORS[key][2], "currency": "EUR"}


def move_appointment(state: dict, appointment_id: str, day: str, slot: str) -> dict:
    """Move a booked appointment to another time with the same doctor."""
    record = state["appointments"].get(_text("appointment_id", appointment_id))
    if record is None or record["status"] != "booked":
        return {"error": "no booked appointment with this id"}
    wanted, problem = _time(state, record["doctor_id"], day, slot)
    if problem:
        return problem
    record.update(day=wanted, slot=slot, moves=record["moves"] + 1)
    surcharge = 0.0 if record["moves"] == 1 else 7.5
    return {"appointment_id": appointment_id.strip(), "day": wanted, "slot": slot, "surcharge": surcharge}


def cancel_appointment(state: dict, appointment_id: str) -> dict:
    """Cancel a booked appointment; the record stays, marked as cancelled."""
    record = state["appointments"].get(_text("appointment_id", appointment_id))
    if record is None or record["status"] != "booked":
        return {"error": "no booked appointment with this id"}
    record["status"] = "cancelled"
    return {"appointment_id": appointment_id.strip(), "status": "cancelled"}
