import random
from dataclasses import dataclass
from itertools import groupby
from typing import List


@dataclass
class Track:
    title: str
    artist: str
    genre: str
    seconds: int
    bpm: int


TRACKS: List[Track] = [
    Track("Low Tide", "Marrow", "ambient", 312, 68), Track("Glass Orchard", "Marrow", "ambient", 274, 74),
    Track("Night Bus", "Ikebe", "electronic", 231, 122), Track("Copper Wire", "Ikebe", "electronic", 198, 128),
    Track("Dust Parade", "The Oxbows", "rock", 243, 141), Track("Second Bridge", "The Oxbows", "rock", 221, 136),
    Track("Harvest Moonlight", "Lena Voss", "folk", 205, 92), Track("Paper Boats", "Lena Voss", "folk", 187, 88),
]


def build_playlist(max_minutes: int, genres: List[str] = None, seed: int = 42) -> dict:
    """Build a shuffled playlist that fits into the given time; the same seed gives the same list."""
    if max_minutes <= 0:
        return {"error": "max_minutes must be positive"}
    pool = [t for t in TRACKS if not genres or t.genre in genres]
    if not pool:
        return {"error": "no tracks in these genres", "genres": sorted({t.genre for t in TRACKS})}
    random.Random(seed).shuffle(pool)
    chosen, used = [], 0
    for track in pool:
        if used + track.seconds <= max_minutes * 60:
            chosen.append(track)
            used += track.seconds
    by_genre = {genre: len(list(group)) for genre, group in groupby(sorted(chosen, key=lambda t: t.genre), key=lambda t: t.genre)}
    return {"tracks": [f"{t.artist} - {t.title}" for t in chosen], "length": f"{used // 60}:{used % 60:02d}", "by_genre": by_genre}
