"""Strings in many scripts, and the ids of SmolLM2's tokenizer by an independent way.

    python tokens_fixture.py SMOLLM2.gguf

The reference is written here from the definition of byte-level BPE: tokens, merges and types from the GGUF file
through the `gguf` package; splitting with the `regex` package by GPT-2's pattern after single digits; merging by rank,
lowest first, leftmost first. Nothing of the `tokenizers` library, nor of our conversion, takes part.
The strings are generated with a fixed seed, and stand in the fixture with their ids.
"""

import json
import random
import sys
from pathlib import Path

import regex
from gguf import GGUFReader

fields = GGUFReader(sys.argv[1]).fields
tokens = fields["tokenizer.ggml.tokens"].contents()
ids = {token: at for at, token in enumerate(tokens)}
ranks = {tuple(merge.split(" ")): at for at, merge in enumerate(fields["tokenizer.ggml.merges"].contents())}
printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
letters = {byte: chr(byte) for byte in printable}
for number, byte in enumerate(byte for byte in range(256) if byte not in printable):
    letters[byte] = chr(256 + number)
DIGIT = regex.compile(r"\p{N}|[^\p{N}]+")
WORD = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


def encode(text):
    found = []
    for piece in DIGIT.findall(text):
        for word in WORD.findall(piece):
            parts = [letters[byte] for byte in word.encode()]
            while len(parts) > 1:
                rank, at = min((ranks.get(pair, len(ranks)), at) for at, pair in enumerate(zip(parts, parts[1:])))
                if rank == len(ranks):
                    break
                parts[at:at + 2] = [parts[at] + parts[at + 1]]
            found += [ids[part] for part in parts]
    return found


RANGES = {"latin": (0x20, 0x7E), "accents": (0xC0, 0x17F), "greek": (0x391, 0x3C9), "cyrillic": (0x410, 0x44F),
          "hebrew": (0x5D0, 0x5EA), "arabic": (0x621, 0x64A), "devanagari": (0x905, 0x94D), "thai": (0xE01, 0xE3A),
          "hangul": (0xAC00, 0xB000), "kana": (0x3041, 0x3096), "han": (0x4E00, 0x5E00), "emoji": (0x1F300, 0x1F64F),
          "digits": (0x30, 0x39), "other digits": (0x660, 0x669), "superscripts": (0x2070, 0x2079),
          "combining": (0x300, 0x330), "punctuation": (0x2010, 0x205E), "fullwidth": (0xFF01, 0xFF5E)}
WORDS = ("the of and to in is that it's don't we'll they're I'd name value query result city weather temperature "
         "fn let mut return None self.x += 1; def class import {\"name\": \"get\", \"arguments\": {\"id\": 3}} "
         "// comment http://a.b/c?d=e 3.14 1,000,000 2024-03-14 0x1F -7 50% naïve façade Straße über").split()
SPACES = [" ", "  ", "    ", "\n", "\n\n", "\t", " \n ", "\r\n", "\u00a0", "\u3000"]
random.seed(11)
strings = ["", " ", "  ", "\n", "\n\n\n", "\t\t", " a", "a ", "  a  b  ", "'s", "it's 'T", "\U0001f468\u200d\U0001f469\u200d\U0001f467"]
while len(strings) < 1000:
    if random.random() < 0.4:
        picked = [random.choice(WORDS) for _ in range(random.randint(1, 7))]
        text = "".join(word + random.choice([" "] * 5 + SPACES) for word in picked)
    else:
        low, high = random.choice(list(RANGES.values()))
        text = "".join(chr(random.randint(low, high)) if random.random() < 0.8 else random.choice(SPACES + ["a", "7", ".", "'s"])
                       for _ in range(random.randint(1, 14)))
    strings.append("".join(c for c in text if c.isprintable() or c.isspace() or c == "\u200d"))
special = {token for token, kind in zip(tokens, fields["tokenizer.ggml.token_type"].contents()) if kind == 3}
rows = [[text, encode(text)] for text in strings if not any(token in text for token in special)]
lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
Path(__file__).with_name("smollm2_tokens.json").write_text(f"[\n{lines}\n]\n")
print(len(rows), "strings")
