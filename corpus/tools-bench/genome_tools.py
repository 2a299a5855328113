import re
from collections import Counter
from typing import Iterator

CODONS = dict(zip(
    (a + b + c for a in "TCAG" for b in "TCAG" for c in "TCAG"),
    "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
))
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def _reading_frames(sequence: str) -> Iterator[str]:
    for strand in (sequence, sequence.translate(COMPLEMENT)[::-1]):
        for offset in range(3):
            yield "".join(CODONS[strand[i:i + 3]] for i in range(offset, len(strand) - 2, 3))


def analyze_sequence(sequence: str, motif: str = None) -> dict:
    """Base composition, reverse complement, longest peptide and motif positions of a DNA sequence."""
    dna = re.sub(r"\s+", "", sequence).upper()
    if invalid := sorted(set(dna) - set("ACGT")):
        return {"error": f"not DNA letters: {', '.join(invalid)}"}
    if len(dna) < 3:
        return {"error": "sequence is too short"}
    counts = Counter(dna)
    peptides = [p for frame in _reading_frames(dna) for p in re.findall(r"M[^*]*", frame)]
    result = {
        "length": len(dna),
        "gc_percent": round(100 * (counts["G"] + counts["C"]) / len(dna), 1),
        "bases": {base: counts[base] for base in "ACGT"},
        "reverse_complement": dna.translate(COMPLEMENT)[::-1],
        "longest_peptide": max(peptides, key=lambda p: (len(p), p), default=""),
    }
    if motif:
        result["motif_at"] = [m.start() + 1 for m in re.finditer(f"(?={re.escape(motif.upper())})", dna)]
    return result
