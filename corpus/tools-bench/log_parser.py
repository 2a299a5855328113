import re
from collections import defaultdict
from datetime import datetime

LOG = """\
2025-02-11 08:00:13,201 INFO  [web-1] GET /cart 200 34ms
2025-02-11 08:00:14,020 WARN  [web-2] GET /search 200 1874ms
2025-02-11 08:00:14,977 ERROR [web-1] POST /checkout 502 30002ms
2025-02-11 08:01:02,310 INFO  [web-3] GET /item/88 200 21ms
2025-02-11 08:01:40,115 ERROR [web-2] POST /checkout 500 412ms
2025-02-11 08:02:05,733 INFO  [web-1] GET /item/12 404 9ms
corrupted line without structure
2025-02-11 08:02:59,000 WARN  [web-3] GET /search 200 2210ms
"""
LINE = re.compile(
    r"(?P<time>\S+ \S+),\d+ (?P<level>[A-Z]+)\s+\[(?P<host>[^\]]+)\] (?P<method>\w+) (?P<path>\S+) (?P<status>\d{3}) (?P<ms>\d+)ms$"
)


def _records():
    for number, line in enumerate(LOG.splitlines(), start=1):
        if match := LINE.match(line):
            record = match.groupdict()
            record["status"], record["ms"] = int(record["status"]), int(record["ms"])
            yield number, record
        else:
            yield number, None


def parse_logs(level: str = None, slower_than_ms: int = 0, group_by: str = None) -> dict:
    """Filter the access log and group it by host, path, level or status."""
    skipped, kept = [], []
    for number, record in _records():
        if record is None:
            skipped.append(number)
        elif (level is None or record["level"] == level.upper()) and record["ms"] > slower_than_ms:
            kept.append(record)
    if group_by is None:
        return {"records": kept, "skipped_lines": skipped}
    if kept and group_by not in kept[0]:
        raise KeyError(f"cannot group by {group_by}")
    groups = defaultdict(list)
    for record in kept:
        groups[str(record[group_by])].append(record["ms"])
    first = datetime.strptime(kept[0]["time"], "%Y-%m-%d %H:%M:%S") if kept else None
    return {
        "groups": {name: {"count": len(ms), "slowest": max(ms)} for name, ms in groups.items()},
        "since": first.isoformat() if first else None,
        "skipped_lines": skipped,
    }
