"""Chemical elements, their isotopes and ions, from the SQLite database that mendeleev ships.

The only derived columns are the nuclide's label (symbol and mass number) and the half-life with its unit.
"""

import sqlite3

from .common import write

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


def export(folder, packages):
    """One CSV table per query over the database that mendeleev ships."""
    database = sqlite3.connect(f"file:{packages / 'mendeleev' / 'elements.db'}?mode=ro", uri=True)
    for table, query in CHEMISTRY.items():
        cursor = database.execute(query)
        header = [column[0] for column in cursor.description]
        flags = [at for at, name in enumerate(header) if name.startswith("is_")]
        rows = [list(row) for row in cursor]
        for row in rows:
            for at in flags:
                row[at] = {None: None, 0: "false", 1: "true"}[row[at]]
        write(folder / f"{table}.csv", header, rows)
