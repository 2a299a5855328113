from itertools import cycle
from string import ascii_lowercase, ascii_uppercase


class CipherError(Exception):
    def __init__(self, message: str, position: int = -1):
        super().__init__(message)
        self.position = position


def _shift(letter: str, amount: int) -> str:
    alphabet = ascii_uppercase if letter.isupper() else ascii_lowercase
    return alphabet[(alphabet.index(letter) + amount) % 26]


def vigenere_cipher(text: str, key: str, decrypt: bool = False) -> dict:
    """Encrypt or decrypt with the Vigenère cipher; only ASCII letters are shifted."""
    try:
        if not key:
            raise CipherError("key is empty")
        for position, letter in enumerate(key):
            if letter not in ascii_lowercase + ascii_uppercase:
                raise CipherError(f"key may only hold letters, not {letter!r}", position)
    except CipherError as error:
        return {"error": str(error), "position": error.position}
    shifts = cycle(ascii_lowercase.index(letter.lower()) for letter in key)
    sign = -1 if decrypt else 1
    output = "".join(_shift(c, sign * next(shifts)) if c.isascii() and c.isalpha() else c for c in text)
    return {"output": output, "letters": sum(c.isascii() and c.isalpha() for c in text)}
