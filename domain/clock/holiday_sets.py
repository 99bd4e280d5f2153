"""Public holidays of a country or region, to be frozen into a calendar's version by whoever configures it.

A calendar keeps the dates, never the rule: a later release of the `holidays` package, or a parliament, must not
move a due time that has been promised.
"""

from collections.abc import Iterable
from datetime import date

import holidays


def holidays_of(country: str, region: str | None, years: Iterable[int]) -> dict[date, str]:
    """Date → name, in the country's own language, in order of date.

    `country` is an ISO 3166-1 code ("DE"), `region` one of its subdivisions ("BY") or None. Raises ValueError naming
    what is unknown: a misspelt region must not silently give the country's holidays.
    """
    wanted = sorted(set(years))
    if not wanted:
        raise ValueError("years: none given")
    regions = holidays.list_supported_countries(include_aliases=True).get(country)
    if regions is None:
        raise ValueError(f"country: no holidays are known for {country!r}")
    if region is not None and region not in regions:
        raise ValueError(f"region: {region!r} is not a region of {country}; known: {', '.join(regions) or 'none'}")
    # Without it the package would follow the language of the process's environment.
    language = getattr(holidays, country).default_language
    found = holidays.country_holidays(country, subdiv=region, years=wanted, language=language)
    return {day: found[day] for day in sorted(found) if day.year in wanted}
