from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}
TRACKING = {"utm_source", "utm_medium", "utm_campaign", "fbclid", "gclid"}


def inspect_url(url: str, strip_tracking: bool = False, join: str = None) -> dict:
    """Split a URL into its parts, optionally without tracking parameters or joined with a relative link."""
    if join:
        url = urljoin(url, join)
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return {"valid": False, "reason": "not an absolute http, https or ftp address"}
    query = parse_qs(parts.query, keep_blank_values=True)
    removed = []
    if strip_tracking:
        removed = sorted(TRACKING & set(query))
        query = {name: values for name, values in query.items() if name not in TRACKING}
    clean = urlunsplit((parts.scheme, parts.netloc.lower(), quote(parts.path, safe="/%"), urlencode(query, doseq=True), parts.fragment))
    return {
        "valid": True,
        "host": parts.hostname,
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "path": parts.path or "/",
        "query": query,
        "fragment": parts.fragment or None,
        "clean": clean,
        "removed": removed,
    }
