import base64
import binascii
import string
import zlib

MORSE = {
    "A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "F": "..-.", "G": "--.", "H": "....", "I": "..",
    "J": ".---", "K": "-.-", "L": ".-..", "M": "--", "N": "-.", "O": "---", "P": ".--.", "Q": "--.-", "R": ".-.",
    "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-", "Y": "-.--", "Z": "--..",
}
ROT13 = str.maketrans(
    string.ascii_letters,
    string.ascii_lowercase[13:] + string.ascii_lowercase[:13] + string.ascii_uppercase[13:] + string.ascii_uppercase[:13],
)


def transform_message(message: str, method: str) -> dict:
    """Encode or decode a message with base64, hex, rot13, morse or crc32."""
    try:
        match method.split(":"):
            case ["base64"]:
                output = base64.b64encode(message.encode("utf-8")).decode("ascii")
            case ["base64", "decode"]:
                output = base64.b64decode(message, validate=True).decode("utf-8")
            case ["hex"]:
                output = binascii.hexlify(message.encode("utf-8"), "-").decode("ascii")
            case ["rot13"]:
                output = message.translate(ROT13)
            case ["morse"]:
                output = " ".join(MORSE.get(letter, "/") for letter in message.upper())
            case ["crc32"]:
                output = f"{zlib.crc32(message.encode('utf-8')):08x}"
            case [other, *_]:
                return {"error": f"unknown method: {other}"}
    except (binascii.Error, UnicodeDecodeError):
        return {"error": "message is not valid for this method"}
    return {"method": method, "output": output, "length": len(output)}
