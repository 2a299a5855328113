"""Compares a folder's tokenizer with the ids of smollm2_tokens.json: python tokens_compare.py FOLDER [FILE.gguf]

With the GGUF file, transformers' own reading of it is compared as well.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer
from transformers import AutoTokenizer

rows = json.loads(Path(__file__).with_name("smollm2_tokens.json").read_text())
tokenizer = Tokenizer.from_file(str(Path(sys.argv[1]) / "tokenizer.json"))
unequal = [text for text, ids in rows if tokenizer.encode(text, add_special_tokens=False).ids != ids]
inexact = [text for text, ids in rows if tokenizer.decode(ids, skip_special_tokens=False) != text]
print(f"{len(rows)} strings: {len(unequal)} with other ids {unequal[:5]}, {len(inexact)} that do not come back {inexact[:5]}")
opened = AutoTokenizer.from_pretrained(sys.argv[1])
unequal = [text for text, ids in rows if opened.encode(text, add_special_tokens=False) != ids]
print(f"transformers on the folder: {len(unequal)} with other ids {unequal[:5]}")
if len(sys.argv) > 2:
    file = Path(sys.argv[2])
    other = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    unequal = [text for text, ids in rows if other.encode(text, add_special_tokens=False) != ids]
    print(f"transformers on the GGUF: {len(unequal)} with other ids {unequal[:5]}")
