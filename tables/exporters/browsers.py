"""Browsers, their releases and engines, and the first release of each that supports a feature of the web.

Support is listed only where the source names an exact release, without a prefix, a flag or another name, and for six
browsers; engines' versions stay text.
"""

from .common import numbered, read_json, write

AREAS = {
    ("css", "properties"): "CSS property",
    ("html", "elements"): "HTML element",
    ("http", "headers"): "HTTP header",
    ("javascript", "builtins"): "JavaScript built-in",
}
SUPPORT_OF = ["chrome", "edge", "firefox", "opera", "safari", "samsunginternet_android"]


def version_key(version):
    return [int(part) if part.isdigit() else -1 for part in version.split(".")]


def statement(support):
    """The current plain statement of support, if there is one."""
    for found in support if isinstance(support, list) else [support]:
        if not found.keys() & {"prefix", "flags", "alternative_name", "version_removed"}:
            return found
    return {}


def export(folder, packages):
    data = read_json(packages / "@mdn" / "browser-compat-data" / "data.json")
    browsers = sorted(data["browsers"].items())
    releases = write_browsers(folder, browsers)
    features, support = [], []
    for (top, group), area in AREAS.items():
        for name, entry in sorted(data[top][group].items()):
            about = entry.get("__compat")
            if not about or name.startswith("-") or not about.get("status"):
                continue
            status, number = about["status"], len(features) + 1
            features.append([number, f"{area} {name}", area, status["standard_track"], status["experimental"],
                             status["deprecated"]])
            for browser in SUPPORT_OF:
                found = statement(about["support"].get(browser, {}))
                release = releases.get((browser, found.get("version_added")))
                if release:
                    support.append([len(support) + 1, number, release, bool(found.get("partial_implementation"))])
    write(folder / "features.csv",
          ["feature_id", "name", "area", "is_on_standards_track", "is_experimental", "is_deprecated"], features)
    write(folder / "support_starts.csv", ["support_start_id", "feature_id", "release_id", "is_partial"], support)


def write_browsers(folder, browsers):
    """Writes engines, browsers and releases; returns the releases' ids by browser and version."""
    engines = numbered(release["engine"] for _, browser in browsers for release in browser["releases"].values()
                       if "engine" in release)
    titles = {code: browser["name"] for code, browser in browsers}
    ids, rows = {}, []
    for code, browser in browsers:
        for version, release in sorted(browser["releases"].items(), key=lambda item: version_key(item[0])):
            if "release_date" not in release or release["status"] in ("planned", "nightly"):
                continue
            ids[code, version] = len(rows) + 1
            rows.append([len(rows) + 1, f"{browser['name']} {version}", code, release["release_date"],
                         release["status"], engines.get(release.get("engine")), release.get("engine_version")])
    write(folder / "engines.csv", ["engine_id", "name"], ([number, name] for name, number in engines.items()))
    write(folder / "browsers.csv",
          ["browser_code", "name", "platform", "derived_from", "is_configurable_by_flags", "is_open_to_extensions"],
          ([code, browser["name"], browser["type"], titles.get(browser.get("upstream")), browser["accepts_flags"],
            browser["accepts_webextensions"]] for code, browser in browsers))
    write(folder / "releases.csv",
          ["release_id", "name", "browser_code", "released_on", "status", "engine_id", "engine_version"], rows)
    return ids
