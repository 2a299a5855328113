from collections import namedtuple
from operator import itemgetter

FIELDS = ("isbn", "title", "author", "year", "copies")
SEARCHABLE = {"title", "author"}
Book = namedtuple("Book", FIELDS)

CATALOG = [
    Book("978-0-00-100001-1", "The Salt Road", "Ines Fabre", 1998, 3),
    Book("978-0-00-100002-8", "Maps of Quiet Rivers", "Tom Okafor", 2011, 0),
    Book("978-0-00-100003-5", "A Winter in Bergen", "Ines Fabre", 2004, 1),
    Book("978-0-00-100004-2", "Learning to Grind Lenses", "Hana Sato", 1987, 2),
    Book("978-0-00-100005-9", "Rivers and Their Names", "Carl Munro", 2019, 5),
]


def search_books(query: str, field: str = "title", available_only: bool = False) -> list:
    """Find books whose title or author contains the query.

    Returns a list of dictionaries, oldest book first; an empty list when nothing is found.
    """
    if field not in SEARCHABLE:
        raise KeyError(f"field must be one of {sorted(SEARCHABLE)}")
    column = FIELDS.index(field)
    needle = query.casefold()
    hits = [book for book in CATALOG if needle in book[column].casefold()]
    if available_only:
        hits = [book for book in hits if book.copies > 0]
    rows = [dict(zip(FIELDS, book)) for book in hits]
    return sorted(rows, key=itemgetter("year"))
