from enum import Flag, auto
from functools import wraps


class Permission(Flag):
    NONE = 0
    READ = auto()
    WRITE = auto()
    DELETE = auto()
    ADMIN = READ | WRITE | DELETE


ROLES = {"viewer": Permission.READ, "editor": Permission.READ | Permission.WRITE, "owner": Permission.ADMIN}
USERS = {"nina": ["viewer"], "paul": ["viewer", "editor"], "root": ["owner"]}
AUDIT = []


def audited(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        result = function(*args, **kwargs)
        AUDIT.append((kwargs.get("user"), result.get("allowed", False)))
        return {**result, "audit_entries": len(AUDIT), "denied": sum(not ok for _, ok in AUDIT)}

    return wrapper


@audited
def check_access(user: str, action: str, grant_role: str = None) -> dict:
    """Check whether a user may do something; can grant a role first."""
    if user not in USERS:
        return {"error": f"unknown user {user}"}
    if grant_role:
        if grant_role not in ROLES:
            return {"error": f"unknown role {grant_role}"}
        USERS[user].append(grant_role)
    try:
        needed = Permission[action.upper()]
    except KeyError:
        return {"error": f"unknown action {action}"}
    held = Permission.NONE
    for role in USERS[user]:
        held |= ROLES[role]
    return {"user": user, "allowed": needed in held, "roles": USERS[user], "mask": held.value}
