"""Cuts a tokenizer down to what the strings of smollm2_tokens.json can reach: python tokens_part.py FOLDER

FOLDER holds SmolLM2's tokenizer.json, as `astra model get smollm2-135m` writes it. Byte-level BPE merges only parts of
the text, so a token that stands nowhere in a string cannot come up while it is encoded: leaving such tokens and their
merges out changes no id of these strings, and makes a fixture of some kilobytes out of megabytes. Ids stay as they are.
"""

import json
import sys
from pathlib import Path

here = Path(__file__).parent
whole = json.loads((Path(sys.argv[1]) / "tokenizer.json").read_text())
printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
letters = {byte: chr(byte) for byte in printable}
for number, byte in enumerate(byte for byte in range(256) if byte not in printable):
    letters[byte] = chr(256 + number)
rows = json.loads((here / "smollm2_tokens.json").read_text())
text = "\n".join("".join(letters[byte] for byte in string.encode()) for string, _ in rows)
model = whole["model"]
model["vocab"] = {token: id for token, id in model["vocab"].items() if token in text or len(token) == 1}
pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
model["merges"] = [" ".join(pair) for pair in pairs if "".join(pair) in model["vocab"] and all(part in model["vocab"] for part in pair)]
target = here / "smollm2_part.json"
target.write_text(json.dumps(whole, ensure_ascii=False, separators=(",", ":")) + "\n")
print(len(model["vocab"]), "tokens,", len(model["merges"]), "merges,", target.stat().st_size, "bytes")
