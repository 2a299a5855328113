"""Solar modules and inverters of the lists that pvlib ships (California Energy Commission, as kept for SAM).

A module's name is its maker and its model in one text; the maker is taken to be all words but the last where at least
60 modules share them. At most 24 modules and 24 inverters of a maker are kept, spread over its list by name.
"""

from collections import defaultdict
from datetime import datetime

from .common import numbered, read_csv, spread, write

SHARED, MOST = 60, 24
MODULE_COLUMNS = {
    "STC": "peak_power_w", "PTC": "ptc_power_w", "A_c": "area_m2", "Length": "length_m",
    "Width": "width_m", "I_sc_ref": "short_circuit_current_a", "V_oc_ref": "open_circuit_voltage_v",
    "I_mp_ref": "maximum_power_current_a", "V_mp_ref": "maximum_power_voltage_v",
    "T_NOCT": "operating_cell_temperature_celsius", "gamma_r": "power_temperature_coefficient_percent_per_k",
}
INVERTER_COLUMNS = {
    "Vac": "output_voltage_v", "Paco": "maximum_output_power_w", "Pdco": "maximum_input_power_w",
    "Pnt": "night_consumption_w", "Vdcmax": "maximum_input_voltage_v", "Idcmax": "maximum_input_current_a",
    "Mppt_low": "lowest_tracking_voltage_v", "Mppt_high": "highest_tracking_voltage_v",
}


def number(text):
    """A measured value; the lists leave unknown ones empty or 0, and a few voltages are ranges."""
    try:
        return round(float(text), 4) or None
    except ValueError:
        return None


def maker_name(text):
    """The name with the commas that the lists cannot hold: `Co._ Ltd` and `Co - Ltd ` are both `Co., Ltd.`"""
    text = text.strip().replace("._", "., ").replace("_", ", ").replace(" - ", ", ")
    text = " ".join(text.split()).replace("Co, Ltd", "Co., Ltd").replace(".,,", ".,").replace(" ,", ",")
    return text.removesuffix(".")


def export(folder, packages):
    data = packages / "pvlib" / "data"
    modules, inverters = defaultdict(list), defaultdict(list)
    for row in read_csv(data / "sam-library-cec-modules-2019-03-05.csv")[2:]:
        maker, _, model = row["Name"].rpartition(" ")
        modules[maker_name(maker)].append((model, row))
    for row in read_csv(data / "sam-library-cec-inverters-2019-03-05.csv")[2:]:
        maker, _, model = row["Name"].partition(": ")
        inverters[maker_name(maker)].append((model, row))
    modules = {maker: rows for maker, rows in modules.items() if len(rows) >= SHARED}
    inverters = {maker: rows for maker, rows in inverters.items() if len(rows) >= 10 or maker in modules}
    makers = numbered([*modules, *inverters])
    write(folder / "manufacturers.csv", ["manufacturer_id", "name"], ([at, name] for name, at in makers.items()))
    rows = []
    for maker in sorted(modules):
        for model, row in spread(sorted(modules[maker], key=lambda item: item[0]), MOST):
            rows.append([len(rows) + 1, model, makers[maker], row["Technology"], int(row["N_s"]),
                         row["Bifacial"] == "1", row["BIPV"] == "Y", *(number(row[name]) for name in MODULE_COLUMNS)])
    write(folder / "modules.csv",
          ["module_id", "model", "manufacturer_id", "technology", "cell_count", "is_bifacial",
           "is_building_integrated", *MODULE_COLUMNS.values()], rows)
    rows = []
    for maker in sorted(inverters):
        for model, row in spread(sorted(inverters[maker], key=lambda item: item[0]), MOST):
            listed = row["CEC_Date"]
            rows.append([len(rows) + 1, model, makers[maker], row["CEC_Type"],
                         datetime.strptime(listed, "%m/%d/%Y").date() if listed not in ("n/a", "") else None,
                         *(number(row[name]) for name in INVERTER_COLUMNS)])
    write(folder / "inverters.csv",
          ["inverter_id", "model", "manufacturer_id", "kind", "listed_on", *INVERTER_COLUMNS.values()], rows)
