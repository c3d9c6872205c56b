"""The places whose carbon intensity is known, and how they are found."""

from difflib import get_close_matches

from predictor.carbon.tables import Region, RegionKind, shipped_regions
from predictor.errors import UsageError

__all__ = [
    "WORLD",
    "WORLD_REGION",
    "Region",
    "RegionKind",
    "canonical_code",
    "find_regions",
    "known_regions",
    "region_called",
    "regions",
]

WORLD = "WORLD"
"""Region of the average over all countries, used where no place is given."""

WORLD_REGION = Region(
    code=WORLD,
    name="World",
    kind="world",
    carbon_intensity_g_per_kwh=480.0,
    year=2023,
    source="Ember, Global Electricity Review 2024",
)

MOST_SIMILAR = 4

_ALPHA_3 = {"CA": "CAN", "CN": "CHN", "NO": "NOR", "SE": "SWE", "US": "USA"}
"""Countries with parts of their own; ISO 3166-2 names those with two letters."""


def regions() -> tuple[Region, ...]:
    """Return every place whose carbon intensity is known.

    Returns
    -------
    regions : tuple of Region
        The world, countries, their parts, regions of clouds.

    Notes
    -----
    All but the world are from the tables that CodeCarbon ships. Numbers of countries,
    of Canadian provinces and of Nordic grid zones are over the life cycle of the
    plants; those of states of the USA and of Chinese provinces are what the plants
    emit while they run, so that for the same mix they are lower. Of Canadian provinces
    the tables have the mix of generation: it is priced here with CodeCarbon's factors
    by source over the life cycle, where CodeCarbon itself counts the burning of fossil
    fuels only. For Quebec that makes 31.2 gCO2e/kWh instead of 3.9.

    Examples
    --------
    >>> {region.kind for region in regions()} == {
    ...     "world", "country", "subdivision", "grid zone", "cloud"
    ... }
    True
    """
    return (WORLD_REGION, *shipped_regions().values())


def known_regions() -> dict[str, str]:
    """Return the names of all places whose carbon intensity is known.

    Returns
    -------
    names : dict of str to str
        English name by code.

    Examples
    --------
    >>> names = known_regions()
    >>> names["DEU"], names["USA-IA"], names["gcp:europe-west9"]
    ('Germany', 'Iowa, United States', 'Google Cloud Platform, Paris, France')
    """
    return {region.code: region.name for region in regions()}


def canonical_code(code: str) -> str:
    """Return a region's code as it is kept.

    Parameters
    ----------
    code : str
        In any case; a part of a country also as ISO 3166-2 writes it.

    Returns
    -------
    code : str
        The same in our writing; whether there is such a region is not looked at.

    Examples
    --------
    >>> canonical_code(" deu "), canonical_code("us-ca"), canonical_code("GCP:US-West1")
    ('DEU', 'USA-CA', 'gcp:us-west1')
    """
    code = code.strip()
    if ":" in code:
        return code.lower()
    country, dash, part = code.upper().partition("-")
    return f"{_ALPHA_3.get(country, country) if dash else country}{dash}{part}"


def region_called(code: str) -> Region:
    """Return the region with a code.

    Parameters
    ----------
    code : str
        In any case.

    Returns
    -------
    region : Region
        With its number.

    Raises
    ------
    UsageError
        If there is none; similar ones are named.

    Examples
    --------
    >>> region_called("ca-qc").carbon_intensity_g_per_kwh
    31.2
    """
    wanted = canonical_code(code)
    if wanted == WORLD:
        return WORLD_REGION
    region = shipped_regions().get(wanted)
    if region is None:
        similar = ", ".join(f"{one.code} ({one.name})" for one in _similar(wanted))
        raise UsageError(
            f"no carbon intensity is known for the region {code!r:.60}"
            + (f"; similar are {similar}" if similar else "")
            + ". Give a code such as DEU, USA-CA or gcp:us-central1 (`predictor "
            "regions` lists all), or the carbon intensity in gCO2e/kWh "
            "(--carbon-intensity)"
        )
    return region


def find_regions(text: str = "") -> tuple[Region, ...]:
    """Return the regions whose code, name or kind has a text in it.

    Parameters
    ----------
    text : str, default=""
        In any case; all regions where empty.

    Returns
    -------
    regions : tuple of Region
        In the order of `regions`.

    Raises
    ------
    UsageError
        If there is none; similar ones are named.

    Examples
    --------
    >>> [region.code for region in find_regions("quebec")]
    ['CAN-QC', 'gcp:northamerica-northeast1']
    """
    wanted = text.strip().casefold()
    code = canonical_code(text).casefold()
    found = tuple(
        region
        for region in regions()
        if wanted in f"{region.name} {region.kind}".casefold()
        or wanted in region.code.casefold()
        or code in region.code.casefold()
    )
    if not found:
        similar = ", ".join(f"{one.code} ({one.name})" for one in _similar(wanted))
        raise UsageError(
            f"no region has {text!r:.60} in its code, name or kind"
            + (f"; similar are {similar}" if similar else "")
        )
    return found


def _similar(text: str) -> list[Region]:
    by_text: dict[str, Region] = {}
    for region in regions():
        for known in (region.name, region.name.partition(",")[0], region.code):
            by_text.setdefault(known.casefold(), region)
    wanted = text.casefold()
    starting = [known for known in by_text if wanted and known.startswith(wanted)]
    close = get_close_matches(wanted, by_text, n=MOST_SIMILAR)
    similar = [by_text[known] for known in (*sorted(starting, key=len), *close)]
    return list({region.code: region for region in similar}.values())[:MOST_SIMILAR]
