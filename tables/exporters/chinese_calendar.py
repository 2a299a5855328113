"""The Chinese calendar from 1991 to 2040, and China's public holidays from 2004 on.

Years, months and solar terms are computed by one package; which days were holidays, and which weekend days were worked
for them, is listed by another. A break is one festival in one year; days of two festivals that fall together belong to
the one that the list names. The list leaves out some Sundays inside a break; they are added.
A break with another festival inside has no number of rest days, because people count it in more than one way.
"""

from datetime import date, timedelta

from chinese_calendar import constants
from lunar_python import Lunar, LunarYear, Solar

from .common import write

FIRST, LAST = 1991, 2040
WEEKDAYS = "星期一 星期二 星期三 星期四 星期五 星期六 星期日".split()


def day(solar):
    return date(solar.getYear(), solar.getMonth(), solar.getDay())


def export(folder, packages):
    years = range(FIRST, LAST + 1)
    months = write_years(folder, years)

    def month_of(when):
        """Id of the lunar month of a day, if it is in the table."""
        lunar = Solar.fromYmd(when.year, when.month, when.day).getLunar()
        return months.get((lunar.getYear(), lunar.getMonth()))

    write_terms(folder, years, month_of)
    write_holidays(folder, month_of)


def write_years(folder, years):
    """Zodiac signs, lunar years and their months; returns the months' ids by year and month (negative: leap)."""
    order = "子丑寅卯辰巳午未申酉戌亥"
    signs, rows, months = [], [], {}
    month_rows = []
    for year in years:
        about, new_year = LunarYear.fromYear(year), Lunar.fromYmd(year, 1, 1)
        sign = (new_year.getYearZhi(), new_year.getYearShengXiao())
        signs += [sign] if sign not in signs else []
        parts = about.getMonthsInYear()
        leap = about.getLeapMonth()
        rows.append([year, f"{about.getGanZhi()}年", order.index(sign[0]) + 1, new_year.getYearNaYin(),
                     day(new_year.getSolar()), sum(part.getDayCount() for part in parts), len(parts), leap > 0])
        for part in parts:
            first = Lunar.fromYmd(year, part.getMonth(), 1)
            months[year, part.getMonth()] = len(month_rows) + 1
            month_rows.append([len(month_rows) + 1, f"{about.getGanZhi()}年{first.getMonthInChinese()}月", year,
                               abs(part.getMonth()), day(first.getSolar()), part.getDayCount(), part.getMonth() < 0])
    write(folder / "zodiac_signs.csv", ["zodiac_sign_id", "name", "earthly_branch"],
          ([order.index(branch) + 1, f"生肖{name}", branch]
           for branch, name in sorted(signs, key=lambda sign: order.index(sign[0]))))
    write(folder / "lunar_years.csv",
          ["lunar_year", "name", "zodiac_sign_id", "nayin", "new_year_date", "length_days", "month_count",
           "is_leap_year"], rows)
    write(folder / "lunar_months.csv",
          ["lunar_month_id", "name", "lunar_year", "month_number", "first_date", "length_days", "is_leap_month"],
          month_rows)
    return months


def write_terms(folder, years, month_of):
    """The 24 solar terms and the day and time of each in each Gregorian year."""
    names, rows = [], []
    for year in years:
        table = Solar.fromYmd(year, 6, 1).getLunar().getJieQiTable()
        # This year's winter solstice has a key of its own, because the table begins with the last one.
        table["冬至"] = table["DONG_ZHI"]
        terms = sorted((solar.toYmdHms(), name, solar) for name, solar in table.items()
                       if solar.getYear() == year and not name.isascii())
        names = names or [name for _, name, _ in terms]
        for _, name, solar in terms:
            when = day(solar)
            rows.append([len(rows) + 1, f"{year}年{name}", names.index(name) + 1, when,
                         f"{solar.getHour():02}:{solar.getMinute():02}", month_of(when), WEEKDAYS[when.weekday()]])
    lunar = Solar.fromYmd(FIRST, 6, 1).getLunar()
    major = {name for name, solar in lunar.getJieQiTable().items() if solar.getLunar().getQi() == name}
    write(folder / "solar_terms.csv", ["solar_term_id", "name", "is_major_term"],
          ([number, name, name in major] for number, name in enumerate(names, 1)))
    write(folder / "solar_term_days.csv",
          ["solar_term_day_id", "name", "solar_term_id", "date", "beijing_time", "lunar_month_id", "weekday"], rows)


def write_holidays(folder, month_of):
    """Festivals, the break of each in each year, and every single day off or worked instead."""
    chinese = {kind.value: kind.chinese for kind in constants.Holiday}
    festivals = {kind.value: number for number, kind in enumerate(constants.Holiday, 1)}
    long = {name: text if text.endswith(("节", "日", "旦")) else f"{text}节" for name, text in chinese.items()}
    breaks = {}
    for off, days in ((True, constants.holidays), (False, constants.workdays)):
        for when, festival in days.items():
            # New Year's Day is sometimes worked for, or rested for, at the end of the old year.
            year = when.year + (festival == "New Year's Day" and when.month == 12)
            breaks.setdefault((year, festivals[festival], festival), {True: [], False: []})[off].append(when)
    rows, single = [], []
    for (year, festival_id, festival), days in sorted(breaks.items()):
        rest, work = sorted(days[True]), sorted(days[False])
        if not rest:
            continue
        between = (rest[0] + timedelta(at) for at in range((rest[-1] - rest[0]).days))
        rest = sorted({*rest, *(when for when in between if when not in constants.holidays)})
        number = len(rows) + 1
        unbroken = len(rest) > (rest[-1] - rest[0]).days
        rows.append([number, f"{year}年{long[festival]}假期", festival_id, rest[0], rest[-1],
                     len(rest) if unbroken else None, len(work), month_of(rest[0])])
        single += [[when, number, WEEKDAYS[when.weekday()], when in work, when in constants.in_lieu_days]
                   for when in sorted(rest + work)]
    write(folder / "festivals.csv", ["festival_id", "name", "english_name"],
          ([number, long[name], name] for name, number in festivals.items()))
    write(folder / "holiday_breaks.csv",
          ["holiday_break_id", "name", "festival_id", "first_date", "last_date", "rest_day_count",
           "make_up_workday_count", "lunar_month_id"], rows)
    write(folder / "adjusted_days.csv",
          ["adjusted_day_id", "date", "holiday_break_id", "weekday", "is_make_up_workday", "is_day_in_lieu"],
          ([at, *row] for at, row in enumerate(sorted(single), 1)))
