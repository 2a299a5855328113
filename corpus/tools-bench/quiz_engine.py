from enum import IntEnum
from typing import Dict, Optional


class Level(IntEnum):
    EASY = 1
    MEDIUM = 2
    HARD = 3


QUESTIONS = [
    {"q": "How many legs has a spider?", "a": "8", "level": Level.EASY},
    {"q": "Which planet is nearest to the sun?", "a": "mercury", "level": Level.EASY},
    {"q": "What is the chemical symbol of tungsten?", "a": "w", "level": Level.MEDIUM},
    {"q": "What is the smallest prime above 100?", "a": "101", "level": Level.HARD},
]
_sessions: Dict[str, dict] = {}


def answer_quiz(player: str, answer: Optional[str] = None) -> dict:
    """Play a quiz: the first call gives a question, each later one marks the answer and gives the next."""
    session = _sessions.setdefault(player, {"index": 0, "score": 0, "streak": 0})
    feedback = None
    if answer is not None and session["index"] < len(QUESTIONS):
        current = QUESTIONS[session["index"]]
        right = answer.strip().lower() == current["a"]
        session["streak"] = session["streak"] + 1 if right else 0
        session["score"] += int(current["level"]) * 10 + 5 * max(0, session["streak"] - 1) if right else 0
        session["index"] += 1
        feedback = "correct" if right else f"wrong, it is {current['a']}"
    if session["index"] >= len(QUESTIONS):
        return {"finished": True, "score": session["score"], "feedback": feedback}
    upcoming = QUESTIONS[session["index"]]
    return {"finished": False, "question": upcoming["q"], "level": upcoming["level"].name, "score": session["score"], "feedback": feedback}
