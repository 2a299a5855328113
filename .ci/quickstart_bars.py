"""What a quickstart must show: the oracle is perfect, doing nothing or guessing is worth (almost) nothing, and models are
measured on the same held-out arenas."""

import json
import sys

summary = json.load(open(sys.argv[1], encoding="utf-8"))
policies, elsewhere = summary["policies"], summary["training"]["out_of_distribution"]
for name, row in [*policies.items(), *((f"{name}, arenas of another kind", row) for name, row in elsewhere.items())]:
    print(f"{name:32} f1 {row['f1']:.3f}  calls {row['calls']:.1f}  n {row['n']}")
wrong = [
    text
    for text, holds in [
        ("at least 300 held-out arenas", policies["oracle"]["n"] >= 300),
        (
            "four models on the same arenas",
            all(policies[name]["n"] == policies["oracle"]["n"] for name in ("base", "sft", "sft_more", "grpo")),
        ),
        ("every model earns more than the yardsticks that guess", min(policies[name]["f1"] for name in ("base", "sft", "grpo")) > 0.1),
        ("oracle F1 is 1.000", policies["oracle"]["f1"] == 1.0),
        ("oracle F1 is 1.000 in at least 18 arenas of another kind", elsewhere["oracle"]["f1"] == 1.0 and elsewhere["oracle"]["n"] >= 18),
        ("null F1 is 0", policies["null"]["f1"] == 0.0),
        ("default F1 is at most 0.05", policies["default"]["f1"] <= 0.05),
        ("dump F1 is at most 0.05", policies["dump"]["f1"] <= 0.05),
        ("random F1 is at most 0.05", policies["random"]["f1"] <= 0.05),
    ]
    if not holds
]
if wrong:
    sys.exit("quickstart does not show: " + "; ".join(wrong))
