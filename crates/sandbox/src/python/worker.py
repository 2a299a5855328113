"""The loop of a locked-down worker: one length-prefixed JSON frame in, one out, on descriptor 3.

A `shared` worker (`s`) holds many sessions, a `private` one (`p`) a single one, a `gate` worker (`g`) only reads
sources. Limits are timers that stay armed between calls: their handler looks whether a call is running and for
how long, so that a call costs no system call for them.
"""
import gc
import os
import signal
import sys
import time

# Taken before the clock is patched for tools.
_cpu = time.clock_gettime_ns
# A worker has one thread, whose clock is cheaper to read than that of a process.
_CPU = time.CLOCK_THREAD_CPUTIME_ID
_WALL = time.CLOCK_MONOTONIC


# Sources whose code objects are kept, until there are so many.
_KEPT_CODES = 1024
# A frame of tries ends soon after so much time or text: what is left comes in the next one.
_FRAME_NS, _FRAME_CHARACTERS = 30_000_000, 1 << 20
_UNDONE = frozenset(("TimeLimit", "CpuLimit", "MemoryLimit", "OutputLimit"))


class _Stop(BaseException):
    """Raised into a call that ran out of something; not an Exception, so that tools seldom catch it."""


class _Full(BaseException):
    """Raised by output that passes its cap."""


class Program:
    """A loaded program: code objects, data and initial state, shared by its sessions."""

    __slots__ = ("codes", "tools", "data", "packed", "state_text")


class _Output:
    """What a tool sees as standard output: kept up to a cap."""

    encoding, errors, newlines, closed, name, mode = "utf-8", "strict", None, False, "<stdout>", "w"

    def __init__(self, cap):
        self._cap = cap
        self._parts = []
        self._size = 0

    def write(self, string):
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string).__name__}")
        string = str.__str__(string)  # a subclass may lie about its length
        self._size += len(string)
        if self._size > self._cap:
            self._parts.clear()
            raise _Full
        self._parts.append(string)
        return len(string)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass

    def isatty(self):
        return False

    def writable(self):
        return True

    def readable(self):
        return False

    def take(self):
        if not self._size:
            return ""
        string = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        return string


class _Sink(_Output):
    """Standard error: goes nowhere."""

    def __init__(self):
        super().__init__(0)

    def write(self, string):
        return len(string)


class _Limits:
    """Wall and CPU time of the running call.

    CPU time counts from the last reply: a worker uses none while it waits, and reading that clock is a system call.
    """

    def __init__(self, wall, cpu):
        self.wall, self.cpu = wall, cpu
        self.active = False
        self.hit = None
        self.began = 0
        self.total_cpu = _cpu(_CPU)
        self.armed = False

    def on_alarm(self, number, _frame):
        if not self.active:
            self.armed = False
            return
        if self.hit is None:
            wall_left = self.wall - (_cpu(_WALL) - self.began)
            cpu_left = self.cpu - (_cpu(_CPU) - self.total_cpu)
            if wall_left > 0 and cpu_left > 0:
                self._arm(min(wall_left, cpu_left))
                return
            self.hit = "CpuLimit" if cpu_left <= 0 else "TimeLimit"
        # Again soon: a tool that catches the first one and goes on meets the next.
        self._arm(20_000_000)
        raise _Stop

    def _arm(self, nanoseconds):
        signal.setitimer(signal.ITIMER_REAL, max(nanoseconds, 1_000_000) / 1e9)
        self.armed = True

    def begin(self):
        self.hit = None
        self.began = _cpu(_WALL)
        if not self.armed:
            self._arm(min(self.wall, self.cpu))
        self.active = True


class Worker:
    """State and operations of one worker process."""

    def __init__(self, settings, role, engine, world, values):
        self.role = role
        self.world = world
        self.values = values
        self.engine = engine
        self.programs = {}
        self.sessions = {}
        self.limits = _Limits(settings["wall_ns"], settings["cpu_ns"])
        self.cap = settings["output_bytes"]
        self.resource = sys.modules["resource"]
        self.want_text = settings["return_text"]
        self.output = _Output(self.cap)
        self.codes = {}
        self.operations = {"call": self.call, "open": self.open, "close": self.close, "load": self.load, "try": self.attempt,
                           "unload": self.unload, "gc": self.collect, "room": self.room, "inspect": self.inspect}

    # Each operation returns the tail of its reply: JSON members without the leading brace.

    def guarded(self, action, *arguments):
        """Runs `action` under the limits; returns (value, kind, message).

        Whatever may run the tool's code once more, its exception's `__str__` or the finalisers of what it leaves
        behind, happens here too, while the alarm is on.
        """
        limits = self.limits
        value = kind = message = None
        try:
            try:
                limits.begin()
                value = action(*arguments)
            except BaseException as error:
                kind, message = "Exception", "(no message)"
                kind, message = self.classify(error)
                # Frames keep the tool's values alive; nothing of a failed call may stay.
                error.__traceback__ = None
                self.world.current.state = None
            if self.world.current.tainted:
                self.engine.clear_caches()
            limits.active = False
        except BaseException as error:
            limits.active = False
            value = None
            kind, message = ("TimeLimit", "") if isinstance(error, _Stop) else (kind or "Exception", "(no message)")
            self.world.current.state = None
        if limits.hit is not None:
            kind = limits.hit
            message = ("the call used its CPU time" if kind == "CpuLimit" else "the call used its time")
            value = None
        return value, kind, message

    def classify(self, error):
        if isinstance(error, _Stop):
            return "TimeLimit", ""
        if isinstance(error, _Full):
            return "OutputLimit", f"the call wrote more than {self.cap} bytes"
        if isinstance(error, MemoryError):
            return "MemoryLimit", "the call used its memory"
        if isinstance(error, RecursionError):
            return "RecursionLimit", self.values.message_of(error)
        if isinstance(error, _Failure):
            return error.kind, error.said
        message = self.values.message_of(error)
        return self.engine.denial(error) or "Exception", message

    def call(self, request):
        session = self.sessions[request["session"]]
        self.world.current = session
        return self.answer(session, request["tool"], request["arguments"])[0]

    def answer(self, session, tool, arguments):
        """The reply to a call in the running session, and the kind of its error."""
        value, kind, message = self.guarded(session.context.run, self.run, session, tool, arguments)
        text = self.values.text
        if kind is not None:
            tail = f'"kind":"{kind}","message":{text(message)}'
        else:
            result, state, shown = value
            tail = f'"result":{result}'
            if shown is not None:
                tail += f',"text":{text(shown)}'
            if state is not None:
                session.state_text = state
                tail += f',"state":{text(state)}'
        stdout = self.output.take()
        if stdout:
            tail += f',"stdout":{text(self.values.scrub(stdout))}'
        return tail, kind

    def attempt(self, request):
        """Many short sessions in one frame, each opened, called and closed before the next one.

        What is out of the ordinary (a body that fails, a limit) is answered with null: the host does it again by
        itself, where it sees what comes of it.
        """
        program = self.programs[request["program"]]
        done = []
        size = 0
        began = _cpu(_WALL)
        for seed, calls in request["tries"]:
            said = self.attempt_one(program, seed, calls)
            done.append(said)
            size += len(said)
            if size > _FRAME_CHARACTERS or _cpu(_WALL) - began > _FRAME_NS:
                break
        return f'"tries":[{",".join(done)}]'

    def attempt_one(self, program, seed, calls):
        limits = self.limits
        session = self.world.Session(0, program, seed)
        self.world.current = session
        limits.total_cpu = _cpu(_CPU)
        kind = self.guarded(session.context.run, self.start, session)[1]
        self.output.take()
        replies = []
        is_odd = kind is not None
        for tool, arguments in () if is_odd else calls:
            limits.total_cpu = _cpu(_CPU)
            tail, kind = self.answer(session, tool, arguments)
            if kind in _UNDONE:
                is_odd = True
                break
            replies.append(f'{{"id":0,"total":{_cpu(_CPU) - limits.total_cpu},{tail}}}')
        limits.total_cpu = _cpu(_CPU)
        self.guarded(_dismantle, session)
        self.output.take()
        return "null" if is_odd else f'[{",".join(replies)}]'

    def run(self, session, tool, arguments):
        function, takes_state = session.functions[tool]
        try:
            if takes_state:
                state = session.state
                if state is None:
                    state = session.state = self.values.parse(session.state_text)
                value = function(state, **arguments)
            else:
                value = function(**arguments)
        except TypeError as error:
            # One frame deep: the call itself did not fit the signature, the tool never ran.
            if error.__traceback__.tb_next is None:
                raise _Failure("Arguments", self.values.message_of(error)) from None
            raise
        return self.finish(session, value, takes_state)

    def finish(self, session, value, takes_state):
        try:
            result = self.values.result_text(value)
        except self.values.NotJson as error:
            raise _Failure("NotJson", str(error)) from None
        shown = None
        if self.want_text:
            shown = self.values.scrub(str.__str__(str(value)))
        if len(result) > self.cap or (shown is not None and len(shown) > self.cap):
            raise _Failure("OutputLimit", f"the result is longer than {self.cap} bytes")
        changed = None
        if takes_state:
            try:
                changed = self.values.state_text(session.state)
            except self.values.NotJson as error:
                raise _Failure("BadState", str(error)) from None
            if session.tainted:
                # Keys of a class with its own idea of equality may have been written twice.
                changed = self.values.state_text(self.values.parse(changed))
            if changed == session.state_text:
                changed = None
            elif len(changed) > 8 * self.cap:
                raise _Failure("BadState", f"the state is longer than {8 * self.cap} bytes")
            else:
                # What the next call sees is what was sent: no tuples, no aliases.
                session.state = self.values.parse(changed)
        return result, changed, shown

    def load(self, request):
        self.world.current = self.world.nobody()
        program = Program()
        program.data = {name: text.encode() for name, text in request["data"]}
        program.packed = {}
        program.state_text = request["state"]
        program.tools = request["tools"]
        program.codes, kind, message = self.guarded(
            lambda: [self.compiled(source, tuple(tool[2] for tool in request["tools"] if tool[1] == number))
                     for number, source in enumerate(request["sources"])])
        if kind is not None:
            return f'"kind":"{kind}","message":{self.values.text(message)}'
        self.programs[request["program"]] = program
        return '"done":true'

    def compiled(self, source, entries):
        """The code object of a source; programs of one set often share sources, and code objects are immutable."""
        code = self.codes.get((source, entries))
        if code is None:
            code = self.engine.compile(source, entries)
            if len(self.codes) >= _KEPT_CODES:
                self.codes.clear()
            self.codes[source, entries] = code
        return code

    def open(self, request):
        program = self.programs[request["program"]]
        session = self.world.Session(request["session"], program, request["seed"])
        self.world.current = session
        _value, kind, message = self.guarded(session.context.run, self.start, session)
        self.output.take()
        if kind is not None:
            tool = session.extra.get("opening", 0)
            return f'"kind":"{kind}","message":{self.values.text(message)},"source":{tool}'
        self.sessions[request["session"]] = session
        return '"done":true'

    def start(self, session):
        program = session.program
        if program.state_text is not None:
            session.state = self.values.parse(program.state_text)
            session.state_text = self.values.state_text(session.state)
        for number, code in enumerate(program.codes):
            session.extra["opening"] = number
            namespace = self.engine.namespace()
            session.namespaces.append(namespace)
            exec(code, namespace)
        session.extra.clear()
        for name, source, entry, takes_state in program.tools:
            function = session.namespaces[source].get(entry)
            if not callable(function):
                raise _Failure("Exception", f"`{entry}` is not there or cannot be called")
            session.functions[name] = (function, takes_state)

    def close(self, request):
        session = self.sessions.pop(request["session"], None)
        if session is not None:
            self.world.current = session
            self.guarded(_dismantle, session)
            self.output.take()
        return '"done":true'

    def unload(self, request):
        self.programs.pop(request["program"], None)
        return '"done":true'

    def collect(self, _request):
        # Finalisers of any session may run: in nobody's name, with nobody's data and clock.
        self.world.current = self.world.nobody()
        self.guarded(gc.collect)
        self.output.take()
        return '"done":true'

    def room(self, request):
        """Moves the soft limit on address space, so that the next calls have room again beyond what is in use."""
        soft, hard = self.resource.getrlimit(self.resource.RLIMIT_AS)
        self.resource.setrlimit(self.resource.RLIMIT_AS, (min(request["bytes"], hard), hard))
        return '"done":true'

    def inspect(self, request):
        import _astra_gate
        found, kind, message = self.guarded(_astra_gate.inspect, request["sources"], request["entries"])
        if kind is not None:
            return f'"kind":"{kind}","message":{self.values.text(message)}'
        return f'"report":{self.values.result_text(found)}'

    def serve(self):
        read, write, parse, limits = os.read, os.write, self.values.parse, self.limits
        while True:
            # A larger buffer would be mapped and unmapped at every request.
            frame = read(3, 16384)
            if len(frame) < 4:
                return
            size = int.from_bytes(frame[:4], "little") + 4
            while len(frame) < size:
                more = read(3, 262144)
                if not more:
                    return
                frame += more
            request = parse(str(frame[4:], "utf-8"))
            tail = self.operations[request["op"]](request)
            limits.total_cpu = _cpu(_CPU)
            body = f'{{"id":{request["id"]},"total":{limits.total_cpu},{tail}}}'.encode("utf-8", "replace")
            reply = len(body).to_bytes(4, "little") + body
            sent = write(3, reply)
            while sent < len(reply):
                reply = reply[sent:]
                sent = write(3, reply)


class _Failure(Exception):
    """A call that failed at a boundary of ours, with its kind."""

    def __init__(self, kind, said):
        super().__init__(said)
        self.kind, self.said = kind, said


def _dismantle(session):
    # Here and not at garbage collection: finalisers must run while this session is the running one.
    for namespace in session.namespaces:
        namespace.clear()
    session.functions.clear()


def _descriptors(end):
    """Leaves 0, 1, 2 on /dev/null and the protocol on 3."""
    if end != 3:
        os.dup2(end, 3)
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.closerange(4, 65536)


def main(settings, role, end):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    import _astra_lockdown
    import _astra_values
    import _astra_world
    _descriptors(end)
    gc.disable()
    if role == "p":
        import _astra_private as engine
    else:
        import _astra_shared as engine
    engine.setup(_astra_world)
    worker = Worker(settings, role, engine, _astra_world, _astra_values)
    signal.signal(signal.SIGALRM, worker.limits.on_alarm)
    extra = settings["shared_bytes"] if role == "s" else settings["memory_bytes"]
    report, base = _astra_lockdown.lock(settings, extra)
    sys.setrecursionlimit(settings["recursion"])
    sys.stdout, sys.stderr = worker.output, _Sink()
    sys.stdin = None
    hello = _astra_values.result_text({"enforced": report, "base": base}).encode()
    os.write(3, len(hello).to_bytes(4, "little") + hello)
    _astra_lockdown.forget(role)
    worker.serve()
    os._exit(0)
