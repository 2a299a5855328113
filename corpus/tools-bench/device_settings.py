from dataclasses import dataclass, fields


@dataclass
class Thermostat:
    target: float = 20.5
    mode: str = "auto"
    fan: str = "low"
    child_lock: bool = False


DEVICE = Thermostat()
CHOICES = {"mode": {"auto", "heat", "cool", "off"}, "fan": {"low", "medium", "high"}}


def configure_device(setting: str, value=None) -> dict:
    """Read or change one setting of the thermostat."""
    names = [field.name for field in fields(DEVICE)]
    if setting not in names:
        return {"error": f"unknown setting {setting}", "settings": names}
    previous = getattr(DEVICE, setting)
    if value is None:
        return {setting: previous}
    if setting in CHOICES and value not in CHOICES[setting]:
        return {"error": f"{setting} must be one of {sorted(CHOICES[setting])}"}
    if setting == "target" and not 5 <= value <= 30:
        return {"error": "target must be between 5 and 30"}
    setattr(DEVICE, setting, value)
    return {"setting": setting, "previous": previous, "current": getattr(DEVICE, setting)}
