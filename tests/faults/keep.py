#!/usr/bin/env python3
"""A service manager for one program: starts it again 200 ms after its end, whatever ended it, as the units say.

    keep.py PIDFILE [--socket PATH] -- COMMAND...

PIDFILE always holds the program's present pid. With a socket, it listens there itself and passes that in as descriptor 3,
so that connections wait while the program is away. SIGTERM ends both.
"""

import os
import signal
import socket
import sys
import time

AGAIN_S = 0.2


def start(command: list[str], listener: "socket.socket | None") -> int:
    pid = os.fork()
    if pid:
        return pid
    if listener is not None:
        os.dup2(listener.fileno(), 3)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
    os.execvp(command[0], command)
    return 127


def main() -> None:
    pidfile, *rest = sys.argv[1:]
    split = rest.index("--")
    command, listener = rest[split + 1 :], None
    if split:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(rest[1])
        os.chmod(rest[1], 0o660)
        listener.listen(4096)
        os.set_inheritable(listener.fileno(), True)
    child = 0

    def end(*_: object) -> None:
        if child:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    while True:
        child = start(command, listener)
        with open(pidfile + ".new", "w", encoding="ascii") as file:
            file.write(f"{child}\n")
        os.rename(pidfile + ".new", pidfile)
        os.waitpid(child, 0)
        child = 0
        time.sleep(AGAIN_S)


main()
