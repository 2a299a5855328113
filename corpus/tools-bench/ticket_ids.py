import uuid
from collections import OrderedDict

NAMESPACE = uuid.UUID("6f1d5d2e-7c1b-4a57-9d3e-0c7f7c1a2b3d")
TICKETS = OrderedDict()
PRIORITIES = ("low", "normal", "high", "urgent")


def issue_ticket(subject: str = "", reporter: str = "", priority: str = "normal", lookup: str = None) -> dict:
    """Open a support ticket with a reproducible id, or look one up.

    The same subject and reporter always give the same ticket.
    """
    if lookup:
        try:
            key = str(uuid.UUID(lookup))
        except ValueError:
            return {"error": "lookup is not a ticket id"}
        return TICKETS.get(key, {"error": f"ticket {key} not found"})
    if not subject.strip() or not reporter.strip():
        return {"error": "subject and reporter are required"}
    if priority not in PRIORITIES:
        return {"error": f"priority must be one of {', '.join(PRIORITIES)}"}
    key = str(uuid.uuid5(NAMESPACE, f"{reporter.lower()}:{subject.strip().lower()}"))
    duplicate = key in TICKETS
    if duplicate:
        TICKETS[key]["reports"] += 1
        TICKETS.move_to_end(key)
    else:
        TICKETS[key] = {"id": key, "subject": subject.strip(), "reporter": reporter, "priority": priority, "reports": 1}
    return {**TICKETS[key], "duplicate": duplicate, "position": list(TICKETS).index(key) + 1}
