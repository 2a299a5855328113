import difflib
import unicodedata

VOCABULARY = [
    "accommodate", "calendar", "definitely", "embarrass", "fluorescent", "guarantee", "hierarchy", "liaison",
    "maintenance", "millennium", "necessary", "occurrence", "privilege", "questionnaire", "rhythm", "separate",
    "threshold", "vacuum", "weird", "résumé", "naïve", "façade",
]


def _fold(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(letter for letter in decomposed if unicodedata.category(letter) != "Mn")


FOLDED = {_fold(word): word for word in VOCABULARY}


def suggest_spelling(word: str, limit: int = 3, cutoff: float = 0.6) -> dict:
    """Suggest spellings for a word, ignoring accents and case."""
    if not word.isalpha():
        raise ValueError(f"{word!r} is not a word")
    folded = _fold(word)
    if folded in FOLDED:
        return {"word": word, "correct": word.lower() == FOLDED[folded], "suggestions": [FOLDED[folded]]}
    close = difflib.get_close_matches(folded, FOLDED, n=limit, cutoff=cutoff)
    scored = [
        {"word": FOLDED[match], "score": round(difflib.SequenceMatcher(None, folded, match).ratio(), 3)} for match in close
    ]
    return {"word": word, "correct": False, "suggestions": [s["word"] for s in scored], "scores": scored}
