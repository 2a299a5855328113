import hashlib
import os
from typing import Optional

FLAGS = {"new_checkout": 35, "dark_mode": 100, "beta_search": 0, "fast_sync": 60}


def feature_enabled(flag: str, user_id: str, override: Optional[bool] = None) -> dict:
    """Tell whether a feature is rolled out to a user; the environment may force it."""
    if flag not in FLAGS:
        return {"error": f"unknown flag {flag}"}
    forced = os.environ.get(f"FLAG_{flag.upper()}")
    if override is not None:
        return {"flag": flag, "enabled": override, "reason": "override"}
    if forced is not None:
        return {"flag": flag, "enabled": forced == "1", "reason": "environment"}
    bucket = int(hashlib.sha1(f"{flag}:{user_id}".encode()).hexdigest(), 16) % 100
    return {"flag": flag, "enabled": bucket < FLAGS[flag], "reason": "rollout", "bucket": bucket}
