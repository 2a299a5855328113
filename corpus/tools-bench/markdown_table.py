import csv
import io
from typing import List


class TableError(ValueError):
    pass


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True


def to_markdown(text: str, delimiter: str = ",", sort_by: str = None, descending: bool = False) -> dict:
    """Turn delimited text with a header line into a Markdown table and compact CSV."""
    rows: List[List[str]] = [row for row in csv.reader(io.StringIO(text.strip()), delimiter=delimiter) if row]
    if len(rows) < 2:
        raise TableError("need a header and at least one row")
    header, body = rows[0], rows[1:]
    uneven = [number for number, row in enumerate(body, start=2) if len(row) != len(header)]
    if uneven:
        raise TableError(f"rows {uneven} do not have {len(header)} cells")
    numeric = [all(_is_number(row[i]) for row in body) for i in range(len(header))]
    if sort_by:
        if sort_by not in header:
            raise TableError(f"no column {sort_by!r}")
        index = header.index(sort_by)
        body.sort(key=(lambda r: float(r[index].replace(",", ""))) if numeric[index] else (lambda r: r[index].lower()), reverse=descending)
    widths = [max(len(row[i]) for row in [header, *body]) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(header, widths)) + " |"]
    lines.append("|" + "|".join("-" * (w + 1) + (":" if n else "-") for w, n in zip(widths, numeric)) + "|")
    for row in body:
        lines.append("| " + " | ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric)) + " |")
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerows([header, *body])
    return {"markdown": "\n".join(lines), "csv": out.getvalue(), "numeric": dict(zip(header, numeric))}
