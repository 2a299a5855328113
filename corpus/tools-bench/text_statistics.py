import re
import string
from collections import Counter

STOP_WORDS = frozenset("the a an and or of to in is it that on for with as was at by be this".split())


def analyze_text(text: str, top_n: int = 5, ignore_stop_words: bool = True) -> dict:
    """Count words, sentences and syllables of a text and estimate how readable it is."""
    if not text or not text.strip():
        raise ValueError("text is empty")
    sentences = [part for part in re.split(r"[.!?]+\s*", text) if part.strip()]
    table = str.maketrans("", "", string.punctuation.replace("'", "").replace("-", ""))
    words = text.lower().translate(table).split()
    syllables = sum(max(1, len(re.findall(r"[aeiouy]+", word.rstrip("e")))) for word in words)
    counted = [word for word in words if not (ignore_stop_words and word in STOP_WORDS)]
    ranking = sorted(Counter(counted).items(), key=lambda item: (-item[1], item[0]))
    per_sentence = len(words) / len(sentences)
    return {
        "characters": len(text),
        "words": len(words),
        "unique_words": len(set(words)),
        "sentences": len(sentences),
        "average_word_length": round(sum(map(len, words)) / len(words), 2),
        "reading_ease": round(206.835 - 1.015 * per_sentence - 84.6 * syllables / len(words), 1),
        "top_words": [{"word": word, "count": count} for word, count in ranking[:top_n]],
    }
