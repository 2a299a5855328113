import json
import statistics
from collections import Counter

RESPONSES = json.loads("""[
  {"id": 1, "age": 34, "region": "north", "satisfaction": 4, "comment": "Quick answers"},
  {"id": 2, "age": 51, "region": "south", "satisfaction": 2, "comment": "Waited too long"},
  {"id": 3, "age": 27, "region": "north", "satisfaction": 5, "comment": null},
  {"id": 4, "age": 45, "region": "east", "satisfaction": 4, "comment": "Fine"},
  {"id": 5, "age": 38, "region": "south", "satisfaction": 3, "comment": "Average"},
  {"id": 6, "age": 62, "region": "east", "satisfaction": 1, "comment": "Never again"},
  {"id": 7, "age": 29, "region": "north", "satisfaction": 5, "comment": "Great"}
]""")


def summarize_survey(question: str, region: str = None, min_age: int = 0) -> str:
    """Summarise one question of the survey; the result is JSON text."""
    rows = [r for r in RESPONSES if r["age"] >= min_age and (region is None or r["region"] == region)]
    if not rows:
        return json.dumps({"error": "no responses match the filter"})
    if question not in rows[0]:
        return json.dumps({"error": f"no question '{question}'"})
    values = [r[question] for r in rows if r[question] is not None]
    summary = {"question": question, "n": len(values), "missing": len(rows) - len(values)}
    if all(isinstance(v, (int, float)) for v in values):
        summary.update(
            mean=round(statistics.fmean(values), 3),
            median=statistics.median(values),
            stdev=round(statistics.stdev(values), 3) if len(values) > 1 else None,
        )
    else:
        summary["counts"] = dict(sorted(Counter(values).items()))
    return json.dumps(summary, sort_keys=True)
