from typing import Iterator, List

PHASES = [("green", 30), ("yellow", 4), ("red", 26)]


class Controller:
    """A traffic light that is advanced by its callers."""

    def __init__(self, phases):
        self.__phases = list(phases)
        self.__clock = 0

    @property
    def cycle(self) -> int:
        return sum(seconds for _, seconds in self.__phases)

    def advance(self, seconds: int) -> None:
        self.__clock += seconds

    def colour(self) -> str:
        rest = self.__clock % self.cycle
        for name, seconds in self.__phases:
            if rest < seconds:
                return name
            rest -= seconds
        return self.__phases[-1][0]

    def changes(self, horizon: int) -> Iterator[str]:
        previous = self.colour()
        for second in range(1, horizon + 1):
            self.__clock += 1
            if (now := self.colour()) != previous:
                yield f"+{second}s {now}"
                previous = now
        self.__clock -= horizon


SIGNALS = {"main": Controller(PHASES), "side": Controller(PHASES[::-1])}


def traffic_light(crossing: str, advance: int = 0, preview: int = 0) -> dict:
    """Advance a traffic light and preview its next changes."""
    if crossing not in SIGNALS:
        raise KeyError(f"unknown crossing {crossing}")
    if advance < 0 or not 0 <= preview <= 300:
        raise ValueError("advance and preview must be reasonable")
    signal = SIGNALS[crossing]
    signal.advance(advance)
    changes: List[str] = list(signal.changes(preview))
    return {"crossing": crossing, "colour": signal.colour(), "cycle": signal.cycle, "changes": changes}
