import calendar
from datetime import date, timedelta

HOLIDAYS = {
    (1, 1): "New Year", (5, 1): "Labour Day", (10, 3): "Unity Day", (12, 25): "Christmas Day", (12, 26): "Boxing Day",
}


def _easter(year: int) -> date:
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def month_overview(year: int, month: int, first_weekday: int = 0) -> dict:
    """Weeks, working days and public holidays of a month."""
    if not 1 <= month <= 12 or not 1900 <= year <= 2199:
        return {"error": "year must be 1900-2199 and month 1-12"}
    moving = {_easter(year) - timedelta(days=2): "Good Friday", _easter(year) + timedelta(days=1): "Easter Monday"}
    weeks = calendar.Calendar(first_weekday).monthdayscalendar(year, month)
    holidays, working = [], 0
    for day in range(1, calendar.monthrange(year, month)[1] + 1):
        current = date(year, month, day)
        name = HOLIDAYS.get((month, day)) or moving.get(current)
        if name:
            holidays.append({"date": current.isoformat(), "name": name, "weekday": calendar.day_name[current.weekday()]})
        if current.weekday() < 5 and not name:
            working += 1
    return {"title": f"{calendar.month_name[month]} {year}", "leap": calendar.isleap(year), "weeks": len(weeks), "working_days": working, "holidays": holidays, "first_week": weeks[0]}
