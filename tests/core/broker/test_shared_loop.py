import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from core.broker.connection import SharedLoop

LONG = 10.0
TIMES = 20


def test_a_write_that_fails_does_not_take_the_socket_from_under_the_loop() -> None:
    with ThreadPoolExecutor(1) as pool:
        for _ in range(TIMES):
            guard = threading.RLock()
            loop = SharedLoop(guard)
            ours, theirs = socket.socketpair()
            with ours:
                loop.set_reader(ours.fileno(), lambda: None)
                started = threading.Event()
                loop.add_callback_threadsafe(started.set)
                running = pool.submit(loop.run)
                assert started.wait(LONG)
                with guard:
                    theirs.close()
                    # The system tells the loop, which wants the interpreter that this keeps.
                    sum(range(20_000))
                    with loop.at_once():
                        loop.remove_reader(ours.fileno())
                loop.add_callback_threadsafe(loop.stop)
                running.result(LONG)
            loop.close()
