from abc import ABC, abstractmethod
from datetime import datetime
from math import ceil


class Tariff(ABC):
    """How a car park charges."""

    kind = "abstract"

    def __init__(self, name: str):
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @abstractmethod
    def charge(self, minutes: int) -> float:
        ...


class Hourly(Tariff):
    kind = "hourly"

    def __init__(self, name: str, rate: float, daily_cap: float):
        super().__init__(name)
        self._rate = rate
        self._cap = daily_cap

    def charge(self, minutes: int) -> float:
        days, rest = divmod(minutes, 24 * 60)
        return days * self._cap + min(self._cap, ceil(rest / 60) * self._rate)


class ShortStay(Hourly):
    kind = "short stay"
    FREE_MINUTES = 20

    def charge(self, minutes: int) -> float:
        return 0.0 if minutes <= self.FREE_MINUTES else super().charge(minutes)


CAR_PARKS = {t.name: t for t in (Hourly("central", 3.5, 28.0), ShortStay("airport", 6.0, 42.0), Hourly("beach", 1.8, 9.0))}


def parking_fee(car_park: str, entered: str, left: str) -> dict:
    """Fee for a stay between two ISO times."""
    tariff = CAR_PARKS.get(car_park)
    if tariff is None:
        raise KeyError(f"no such car park: {car_park}")
    start, end = datetime.fromisoformat(entered), datetime.fromisoformat(left)
    if end < start:
        raise ValueError("left is before entered")
    minutes = int((end - start).total_seconds() // 60)
    return {"car_park": tariff.name, "kind": tariff.kind, "minutes": minutes, "fee": round(tariff.charge(minutes), 2)}
