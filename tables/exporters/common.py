"""What the exporters share: reading packages as they were unpacked, and writing CSV that is the same on every run.

It knows nothing about any group. Cells are cleaned of doubled and outer white space and of invisible direction marks,
because a person who types a name never types those.
"""

import csv
import json

INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200e\u200f\ufeff"), None)


def cell_text(cell):
    """Text without stray white space, `true`/`false`, and floats to 14 digits, which takes off binary noise."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return repr(float(f"{cell:.14g}"))
    return " ".join(cell.translate(INVISIBLE).split()) if isinstance(cell, str) else cell


def write(path, header, rows):
    """Writes one CSV table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        for row in rows:
            out.writerow([cell_text(cell) for cell in row])


def read_json(path):
    """A JSON file of a package."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_csv(path):
    """The rows of a CSV file of a package, as dictionaries."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def numbered(names):
    """Distinct names, sorted, each with a number from 1: ids that stay as long as the package version does."""
    return {name: number for number, name in enumerate(sorted(set(names)), 1)}


def spread(rows, most):
    """At most `most` of the rows, evenly spread over their order."""
    if len(rows) <= most:
        return rows
    return [rows[at * len(rows) // most] for at in range(most)]
