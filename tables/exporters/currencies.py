"""Currencies and languages of the world's territories, with the days between which a currency was in use.

Languages written in several scripts are one language here, with the largest of the recorded shares; languages that
less than one person in a thousand uses in a territory are left out.
"""

from collections import Counter
from datetime import date

from babel.core import get_global

from .common import numbered, write
from .territories import currencies_of, languages_of, names


def spoken(territory, known):
    """(share, status) by language of a territory."""
    found = {}
    for code, facts in languages_of(territory).items():
        language, share = code.split("_")[0], facts["population_percent"]
        if language in known and share >= 0.1:
            before = found.get(language, (0.0, None))
            found[language] = (max(share, before[0]), before[1] or facts["official_status"])
    return sorted(found.items())


def export(folder, packages):
    territories, chinese_territories = names("territories")
    currency_names, chinese_currencies = names("currencies")
    language_names, chinese_languages = names("languages")
    codes = sorted(code for code in territories if len(code) == 2 and currencies_of(code) and code != "ZZ")
    usages, speaking = [], []
    for code in codes:
        usages += [
            [code, currency, date(*start) if start else None, date(*end) if end else None, tender]
            for currency, start, end, tender in currencies_of(code) if currency in currency_names
        ]
        speaking += [[code, language, *facts] for language, facts in spoken(code, language_names)]
    official = Counter(row[0] for row in speaking if row[3] in ("official", "de_facto_official"))
    usages.sort(key=lambda usage: (usage[0], usage[2] or date.min, usage[1]))
    write(folder / "countries.csv", ["country_code", "name", "chinese_name", "is_multilingual"],
          ([code, territories[code], chinese_territories[code], official[code] > 1] for code in codes))
    fractions = get_global("currency_fractions")
    current = {usage[1] for usage in usages if usage[3] is None and usage[4]}
    write(folder / "currencies.csv",
          ["currency_code", "name", "chinese_name", "decimal_places", "is_legal_tender_today"],
          ([code, currency_names[code], chinese_currencies[code],
            fractions.get(code, fractions["DEFAULT"])[0], code in current]
           for code in sorted({usage[1] for usage in usages})))
    write(folder / "currency_periods.csv",
          ["currency_period_id", "country_code", "currency_code", "introduced_on", "withdrawn_on", "is_legal_tender"],
          ([number, *usage] for number, usage in enumerate(usages, 1)))
    # Not keyed by code, because the code of one of them, `nan`, is what many readers take for "no value".
    languages = numbered(row[1] for row in speaking)
    write(folder / "languages.csv", ["language_id", "name", "chinese_name", "language_code"],
          ([number, language_names[code], chinese_languages[code], code] for code, number in languages.items()))
    write(folder / "spoken_languages.csv",
          ["spoken_language_id", "country_code", "language_id", "population_percent", "official_status"],
          ([number, country, languages[code], *facts] for number, (country, code, *facts) in enumerate(speaking, 1)))
