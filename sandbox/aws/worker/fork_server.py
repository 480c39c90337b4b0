"""Forks a process for each worker that the API process asks for, so that the imports are paid for once.

Not multiprocessing's forkserver: that one leaves its socket's folder behind when the API process is killed, and says 255 for
an exit code that two threads ask for at the same time.

Only the thread that forks is in the child, so this process must have no other; test_worker_processes.py looks.
"""

import gc
import os
import signal
import socket


def serve(requests: socket.socket) -> bool:
    """Returns True in each worker, whose stdin and stdout then lead to the API process, and False here when `requests` has ended.

    A request is any byte, with three descriptors: the worker's stdin, its stdout, and where we say its pid at once, and its exit
    code when it has ended.
    """
    reports: dict[int, int] = {}

    def reap(*_: object) -> None:
        while reports:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            report = reports.pop(pid)
            _say(report, os.waitstatus_to_exitcode(status))
            os.close(report)

    signal.signal(signal.SIGCHLD, reap)
    # What is there now stays shared with the workers: a garbage collection in one of them would write to it all.
    gc.freeze()
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, 1, 3)
        if not request:
            return False
        stdin, stdout, report = descriptors
        # A worker may end before its pid is in `reports`.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(stdin, 0)
            os.dup2(stdout, 1)
            # The reports of the others too: they are to end with this server.
            for descriptor in (*descriptors, *reports.values()):
                os.close(descriptor)
            requests.close()
        else:
            os.close(stdin)
            os.close(stdout)
            _say(report, pid)
            reports[pid] = report
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        if pid == 0:
            return True


def _say(report: int, number: int) -> None:
    try:
        os.write(report, b"%d\n" % number)
    except BrokenPipeError:
        pass  # the API process is gone, or has no use for it any more
