import textwrap
from string import Template

LETTERS = {
    "reminder": Template("Dear $name,\n\nour records show that invoice $invoice over $amount has been open since $due. Please pay it within ten days, or tell us what went wrong.\n\nKind regards\n$sender"),
    "welcome": Template("Hello $name,\n\nwelcome to $club! Your membership number is $number. The next meeting is on $next_meeting.\n\n$sender"),
    "thanks": Template("Dear $name,\n\nthank you for your gift of $$${amount}. It pays for $use.\n\n$sender"),
}


def render_letter(kind: str, fields: dict, width: int = 60, strict: bool = True) -> dict:
    """Fill a letter template and wrap it to a line width."""
    if kind not in LETTERS:
        raise KeyError(kind)
    if not 30 <= width <= 120:
        raise ValueError("width must be between 30 and 120")
    template = LETTERS[kind]
    if strict:
        try:
            text = template.substitute(fields)
        except KeyError as missing:
            return {"error": f"field {missing} is missing"}
    else:
        text = template.safe_substitute(fields)
    paragraphs = [textwrap.fill(part, width=width) for part in text.split("\n\n")]
    body = "\n\n".join(paragraphs)
    return {"kind": kind, "lines": body.count("\n") + 1, "body": body, "preview": textwrap.shorten(text, width=40, placeholder="...")}
