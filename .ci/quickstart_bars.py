"""What a quickstart must show: the oracle is perfect, and doing nothing or guessing is worth (almost) nothing."""

import json
import sys

policies = json.load(open(sys.argv[1], encoding="utf-8"))["policies"]
for name, row in policies.items():
    print(f"{name:8} f1 {row['f1']:.3f}  calls {row['calls']:.1f}  n {row['n']}")
wrong = [
    text
    for text, holds in [
        ("at least 200 arenas", policies["oracle"]["n"] >= 200),
        ("oracle F1 is 1.000", policies["oracle"]["f1"] == 1.0),
        ("null F1 is 0", policies["null"]["f1"] == 0.0),
        ("default F1 is at most 0.05", policies["default"]["f1"] <= 0.05),
        ("dump F1 is at most 0.05", policies["dump"]["f1"] <= 0.05),
        ("random F1 is at most 0.05", policies["random"]["f1"] <= 0.05),
    ]
    if not holds
]
if wrong:
    sys.exit("quickstart does not show: " + "; ".join(wrong))
