"""What Babel's copy of the CLDR says about territories, in English and Chinese."""

from babel import Locale
from babel.core import get_global

ENGLISH, CHINESE = Locale.parse("en"), Locale.parse("zh_Hans")


def names(kind):
    """English and Chinese names by code of `territories`, `currencies` or `languages`; only codes that have both."""
    english, chinese = getattr(ENGLISH, kind), getattr(CHINESE, kind)
    codes = [code for code in english if code in chinese and code.isascii() and not code.isdigit()]
    return {code: english[code] for code in codes}, {code: chinese[code] for code in codes}


def currencies_of(territory):
    """(code, first day, last day, legal tender) of each currency that was in use."""
    return get_global("territory_currencies").get(territory, [])


def currency_now(territory):
    """English name of the first legal tender without a last day."""
    now = [code for code, _, last, tender in currencies_of(territory) if tender and last is None]
    return ENGLISH.currencies.get(now[0]) if now else None


def languages_of(territory):
    """Share of the population and official status by language code."""
    return get_global("territory_languages").get(territory, {})


def main_language(territory):
    """English name of the language that the largest share of the population uses."""
    spoken = [(-facts["population_percent"], code) for code, facts in languages_of(territory).items()]
    return ENGLISH.languages.get(min(spoken)[1].split("_")[0]) if spoken else None
