import heapq
import itertools
import logging
from collections import deque

logger = logging.getLogger("job_queue")
_counter = itertools.count(1)
_heap = []
_done = deque(maxlen=3)
_live = {}


def job_queue(action: str, name: str = "", priority: int = 5) -> dict:
    """A priority queue of jobs: push, pop, cancel or status. Lower numbers run first."""
    if action == "push":
        if not name:
            raise ValueError("a job needs a name")
        if name in _live:
            return {"error": f"job {name} is already queued"}
        entry = [priority, next(_counter), name]
        _live[name] = entry
        heapq.heappush(_heap, entry)
        logger.info("queued %s", name)
        return {"queued": name, "waiting": len(_live)}
    if action == "cancel":
        entry = _live.pop(name, None)
        if entry is None:
            return {"error": f"job {name} is not queued"}
        entry[-1] = None
        return {"cancelled": name, "waiting": len(_live)}
    if action == "pop":
        while _heap:
            priority, number, job = heapq.heappop(_heap)
            if job is not None:
                del _live[job]
                _done.append(job)
                return {"running": job, "priority": priority, "number": number}
        return {"running": None}
    if action == "status":
        return {"waiting": sorted(_live), "recent": list(_done)}
    raise ValueError(f"unknown action {action}")
