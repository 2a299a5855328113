"""The process that every worker is forked from.

It imports what tools may need, patches clock and entropy once, and then only answers "fork" on its control
channel (descriptor 0). It runs no tool code, opens no file afterwards, and ends when the channel closes; as
process 1 of its own pid namespace it takes every worker with it.
"""
import array
import gc
import json
import os
import signal
import socket
import sys

import _astra_lockdown as lockdown

_reaping = True
_ends = {}
_REMEMBERED = 4096


def _reap(*_ignored):
    # Only outside fork..pidfd_open: a child reaped there could hand its number to somebody else.
    if not _reaping:
        return
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _ends.pop(pid, None)
            _ends[pid] = status
            if len(_ends) > _REMEMBERED:
                del _ends[next(iter(_ends))]
    except ChildProcessError:
        pass


def _send(channel, message, descriptors):
    data = json.dumps(message).encode()
    frame = len(data).to_bytes(4, "little") + data
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    sent = channel.sendmsg([frame], ancillary)
    if sent < len(frame):
        channel.sendall(frame[sent:])


def _fork(channel, settings, role, end):
    global _reaping
    _reaping = False
    pid = os.fork()
    if pid == 0:
        # 70 = any failure on the way into the worker; its stdout and stderr are /dev/null by then.
        try:
            channel.close()
            import _astra_worker
            _astra_worker.main(settings, role, end)
        except BaseException:
            if settings.get("debug"):
                import traceback
                traceback.print_exc()
        finally:
            os._exit(70)
    handle = os.pidfd_open(pid)
    _reaping = True
    _reap()
    _send(channel, {"pid": pid}, [handle])
    os.close(handle)


def _tell_end(channel):
    """Answers how a worker ended: its wait status, or null when it lives or nobody remembers."""
    number = int.from_bytes(channel.recv(4, socket.MSG_WAITALL), "little")
    _reap()
    _send(channel, {"status": _ends.pop(number, None)}, [])


def _serve(channel, settings):
    while True:
        data, ancillary, _flags, _address = channel.recvmsg(1, socket.CMSG_SPACE(4 * 4))
        if not data:
            os._exit(0)
        if data == b"e":
            _tell_end(channel)
            continue
        received = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
        try:
            _fork(channel, settings, chr(data[0]), received[0])
        except OSError as error:
            _send(channel, {"error": str(error)}, [])
        finally:
            for descriptor in received:
                os.close(descriptor)


def main(settings):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    report = lockdown.enter_namespaces()
    report["version"] = sys.version.split()[0]
    report["landlock_abi"] = lockdown.landlock_abi()
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=os.dup(0))
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)
    import _astra_world
    _astra_world.prepare(settings)
    signal.signal(signal.SIGCHLD, _reap)
    gc.collect()
    gc.freeze()
    gc.disable()
    own = os.pidfd_open(os.getpid())
    _send(channel, report, [own])
    os.close(own)
    _serve(channel, settings)
