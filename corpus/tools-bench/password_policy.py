import hashlib
import hmac
import re
from typing import Callable, Dict

COMMON = {"password", "letmein", "qwerty123", "dragon", "iloveyou"}


def _rule(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)

    def check(candidate: str) -> bool:
        return compiled.search(candidate) is not None

    return check


RULES: Dict[str, Callable[[str], bool]] = {
    "at least 12 characters": lambda candidate: len(candidate) >= 12,
    "an upper-case letter": _rule(r"[A-Z]"),
    "a lower-case letter": _rule(r"[a-z]"),
    "a digit": _rule(r"\d"),
    "a symbol": _rule(r"[^\w\s]"),
    "no character three times in a row": lambda candidate: not re.search(r"(.)\1\1", candidate),
}


def check_password(candidate: str, salt: str = "demo-salt") -> dict:
    """Check a password against the policy and return a short fingerprint of it."""
    if candidate.lower() in COMMON:
        return {"accepted": False, "score": 0, "missing": ["not a common password"]}
    missing = [name for name, check in RULES.items() if not check(candidate)]
    digest = hashlib.pbkdf2_hmac("sha256", candidate.encode(), salt.encode(), 1000)
    tag = hmac.new(salt.encode(), digest, hashlib.sha256).hexdigest()[:16]
    return {"accepted": not missing, "score": len(RULES) - len(missing), "missing": missing, "fingerprint": tag}
