from dataclasses import dataclass, field
from functools import total_ordering
from typing import List

RESULTS = [
    ("Harbor FC", "Mill Town", 2, 1), ("Old Quarry", "Northside", 0, 0), ("Harbor FC", "Old Quarry", 1, 1),
    ("Northside", "Mill Town", 3, 2), ("Mill Town", "Old Quarry", 0, 2), ("Northside", "Harbor FC", 1, 2),
]


@total_ordering
@dataclass(eq=False)
class Standing:
    team: str
    played: int = 0
    scored: int = 0
    conceded: int = 0
    points: int = 0
    form: List[str] = field(default_factory=list)

    def key(self):
        return (-self.points, -(self.scored - self.conceded), -self.scored, self.team)

    def __eq__(self, other):
        return self.key() == other.key()

    def __lt__(self, other):
        return self.key() < other.key()

    def add(self, own: int, theirs: int) -> None:
        self.played += 1
        self.scored += own
        self.conceded += theirs
        outcome = "W" if own > theirs else "D" if own == theirs else "L"
        self.points += {"W": 3, "D": 1, "L": 0}[outcome]
        self.form.append(outcome)


def league_table(top: int = 10, team: str = None) -> list:
    """Compute the league table from the results played so far."""
    table = {}
    for home, away, home_goals, away_goals in RESULTS:
        table.setdefault(home, Standing(home)).add(home_goals, away_goals)
        table.setdefault(away, Standing(away)).add(away_goals, home_goals)
    ranked = sorted(table.values())
    rows = [
        {"rank": rank, "team": s.team, "played": s.played, "gd": s.scored - s.conceded, "points": s.points, "form": "".join(s.form)}
        for rank, s in enumerate(ranked, start=1)
    ]
    if team is not None:
        rows = [row for row in rows if row["team"].lower() == team.lower()]
        if not rows:
            raise LookupError(f"{team} does not play in this league")
    return rows[:top]
