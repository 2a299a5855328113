"""Exports the shipped tables from two Python packages, so that no fact comes from memory.

Run it in a virtual environment; a second run gives the same bytes:

    python3 -m venv venv && venv/bin/pip install mendeleev==1.3.0 tzdata==2026.3
    venv/bin/python tables/export.py tables

It copies columns and renames them so that the unit stands in the name; the only derived columns are the nuclide's
label (symbol and mass number), the half-life with its unit, decimal degrees, and the offset changes, which come from
the time-zone files themselves. It judges nothing, and rounds only beyond the 14th digit.
"""

import csv
import sqlite3
import sys
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo, reset_tzpath

VERSIONS = {"mendeleev": "1.3.0", "tzdata": "2026.3"}

CHEMISTRY = {
    "elements": """
        SELECT e.atomic_number, e.name, e.symbol, e.group_id AS group_number, e.series_id, e.period, e.block,
            e.electronic_configuration, e.cas AS cas_number, e.discovery_year,
            e.atomic_weight AS atomic_weight_da, e.density AS density_g_per_cm3,
            CASE WHEN p.is_transition THEN NULL ELSE p.melting_point END AS melting_point_k,
            CASE WHEN p.is_sublimation_point THEN NULL ELSE p.boiling_point END AS boiling_point_k,
            e.electron_affinity AS electron_affinity_ev, e.en_pauling AS pauling_electronegativity,
            e.covalent_radius_pyykko AS single_bond_covalent_radius_pm, e.vdw_radius AS van_der_waals_radius_pm,
            e.specific_heat_capacity AS specific_heat_capacity_j_per_g_k,
            e.thermal_conductivity AS thermal_conductivity_w_per_m_k,
            e.evaporation_heat AS evaporation_heat_kj_per_mol, e.fusion_heat AS fusion_heat_kj_per_mol,
            e.abundance_crust AS crust_abundance_mg_per_kg, e.abundance_sea AS sea_abundance_mg_per_l,
            e.dipole_polarizability AS dipole_polarizability_bohr3,
            e.lattice_constant AS lattice_constant_angstrom, e.is_radioactive
        FROM elements e LEFT JOIN (
            SELECT * FROM phasetransitions GROUP BY atomic_number HAVING count(*) = 1
        ) p USING (atomic_number) ORDER BY e.atomic_number""",
    "groups": "SELECT group_id AS group_number, symbol AS cas_group_symbol, name FROM groups ORDER BY group_id",
    "series": "SELECT id AS series_id, name FROM series ORDER BY id",
    "isotopes": """
        SELECT i.id AS isotope_id, e.symbol || '-' || i.mass_number AS nuclide, i.atomic_number, i.mass_number,
            i.mass AS mass_da, i.abundance AS natural_abundance_percent,
            CASE WHEN i.half_life IS NULL OR i.half_life_unit IS NULL THEN NULL
                ELSE i.half_life || ' ' || i.half_life_unit END AS half_life,
            i.spin, i.parity, i.g_factor, i.discovery_year, i.is_radioactive
        FROM isotopes i JOIN elements e USING (atomic_number) ORDER BY i.id""",
    "decay_modes": """
        SELECT id AS decay_mode_id, isotope_id, mode,
            CASE WHEN relation = '=' THEN intensity END AS intensity_percent
        FROM isotopedecaymodes WHERE is_allowed_not_observed = 0 OR is_allowed_not_observed IS NULL ORDER BY id""",
    "ions": """
        SELECT id AS ion_id, species_name AS species, atomic_number, ion_charge AS charge,
            isoelectonic_sequence AS isoelectronic_sequence, ground_configuration, ground_level,
            ionization_energy AS ionization_energy_ev
        FROM ionizationenergies WHERE ion_charge < 12 ORDER BY id""",
}


def cell_text(cell):
    """Text without doubled or outer white space; floats to 14 digits, which takes off binary noise (112.00000000000001)."""
    if isinstance(cell, float):
        return repr(float(f"{cell:.14g}"))
    return " ".join(cell.split()) if isinstance(cell, str) else cell


def write(path, header, rows):
    """Writes one CSV table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(header)
        for row in rows:
            out.writerow([cell_text(cell) for cell in row])


def export_chemistry(folder):
    """One CSV table per query over the database that mendeleev ships."""
    database = sqlite3.connect(f"file:{files('mendeleev') / 'elements.db'}?mode=ro", uri=True)
    for table, query in CHEMISTRY.items():
        cursor = database.execute(query)
        header = [column[0] for column in cursor.description]
        flags = [at for at, name in enumerate(header) if name.startswith("is_")]
        rows = [list(row) for row in cursor]
        for row in rows:
            for at in flags:
                row[at] = {None: None, 0: "false", 1: "true"}[row[at]]
        write(folder / f"{table}.csv", header, rows)


def table_lines(name):
    """Fields of the lines of a tab-separated file of the time-zone database, without comments."""
    text = (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def degrees(text):
    """ISO 6709 `±DDMM[SS]` or `±DDDMM[SS]` as decimal degrees."""
    sign, digits = (-1 if text[0] == "-" else 1), text[1:]
    seconds = digits[-2:] if len(digits) >= 6 else "0"
    whole = digits[:-2] if len(digits) >= 6 else digits
    return round(sign * (int(whole[:-2]) + int(whole[-2:]) / 60 + int(seconds) / 3600), 4)


def offset_changes(zone):
    """(UTC time, minutes before, minutes after) of every change of the UTC offset from 2005 to 2024."""
    clock = ZoneInfo(zone)
    offset = lambda moment: int(moment.astimezone(clock).utcoffset().total_seconds()) // 60
    day, end = datetime(2005, 1, 1, tzinfo=timezone.utc), datetime(2025, 1, 1, tzinfo=timezone.utc)
    while day < end:
        following = day + timedelta(days=1)
        before, after = offset(day), offset(following)
        if before != after:
            low, high = 0, 24 * 60
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(day + timedelta(minutes=middle)) == before else (low, middle)
            yield (day + timedelta(minutes=high)).strftime("%Y-%m-%d %H:%M"), before, after
        day = following


def export_time_zones(folder):
    """Countries, zones, aliases and offset changes of the IANA time-zone database."""
    reset_tzpath(to=[])  # The package's files, not the system's.
    write(folder / "countries.csv", ["country_code", "name"], table_lines("iso3166.tab"))
    zones, changes = [], []
    for country, coordinates, zone, *comment in sorted(table_lines("zone.tab"), key=lambda line: line[2]):
        split = max(coordinates.rfind("+"), coordinates.rfind("-"))
        january, july = (
            int(datetime(2024, month, 1, tzinfo=ZoneInfo(zone)).utcoffset().total_seconds()) // 60 for month in (1, 7)
        )
        zones.append([zone, country, degrees(coordinates[:split]), degrees(coordinates[split:]), january, july,
                      comment[0] if comment else None])
        changes += [[zone, *change] for change in offset_changes(zone)]
    write(folder / "time_zones.csv",
          ["zone", "country_code", "latitude_degrees", "longitude_degrees", "january_2024_utc_offset_minutes",
           "july_2024_utc_offset_minutes", "coverage"], zones)
    write(folder / "offset_changes.csv",
          ["offset_change_id", "zone", "changed_at_utc", "offset_before_minutes", "offset_after_minutes"],
          [[number, *change] for number, change in enumerate(changes, 1)])
    known = {zone[0] for zone in zones}
    links = (line.split() for line in (files("tzdata") / "zoneinfo" / "tzdata.zi").read_text().splitlines()
             if line.startswith("L "))
    write(folder / "aliases.csv", ["alias", "zone"],
          sorted([alias, zone] for _, zone, alias in links if zone in known and alias not in known))


def main():
    target = Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit("usage: export.py FOLDER")
    for package, wanted in VERSIONS.items():
        if version(package) != wanted:
            sys.exit(f"{package} is {version(package)}, and these tables are from {wanted}")
    export_chemistry(target / "chemistry")
    export_time_zones(target / "time_zones")


main()
