from collections import defaultdict, deque
from typing import Dict, List, Set

PREREQUISITES: Dict[str, List[str]] = {
    "algorithms": ["programming", "discrete math"], "programming": [], "discrete math": [], "databases": ["programming"],
    "machine learning": ["algorithms", "statistics"], "statistics": ["calculus"], "calculus": [], "compilers": ["algorithms", "automata"],
    "automata": ["discrete math"], "capstone": ["machine learning", "databases"],
}


class CycleError(ValueError):
    """The prerequisites contain a cycle."""


def _needed(goal: str, known: Set[str], graph: Dict[str, List[str]]) -> Set[str]:
    seen: Set[str] = set()
    queue = deque([goal])
    while queue:
        course = queue.popleft()
        if course in seen or course in known:
            continue
        seen.add(course)
        queue.extend(graph[course])
    return seen


def plan_courses(goal: str, completed: List[str] = None, per_term: int = 2, extra_edges: Dict[str, List[str]] = None) -> dict:
    """Plan the terms in which the courses up to a goal can be taken."""
    graph = {course: list(needs) for course, needs in PREREQUISITES.items()}
    for course, needs in (extra_edges or {}).items():
        graph.setdefault(course, []).extend(needs)
    if goal not in graph:
        return {"error": f"no course named {goal}"}
    known = set(completed or [])
    open_courses = _needed(goal, known, graph)
    unlocks = defaultdict(int)
    for course in open_courses:
        for need in graph[course]:
            unlocks[need] += 1
    terms = []
    while open_courses:
        ready = sorted((c for c in open_courses if all(n in known for n in graph[c])), key=lambda c: (-unlocks[c], c))
        if not ready:
            raise CycleError("cycle among " + ", ".join(sorted(open_courses)))
        term = ready[:per_term]
        terms.append(term)
        known.update(term)
        open_courses -= set(term)
    return {"goal": goal, "terms": terms, "count": len(terms)}
