"""The two ways to give Python's Thread its work, and where its interface comes from."""

import threading

MAIN = threading.get_native_id()  # the operating system's number of this thread


def report(how: str) -> None:
    """Say in which thread this runs."""
    own = threading.get_native_id() != MAIN
    print(f"{how}: {'a thread of its own' if own else 'main'}")


class Reporter(threading.Thread):
    """A thread that reports."""

    def run(self) -> None:
        """What the thread does; `start` calls it there."""
        report("a subclass, start()")


print(f"threading.py begins: {threading.__doc__}")
for thread in (threading.Thread(target=report, args=("target=, start()",)), Reporter()):
    thread.start()
    thread.join()
threading.Thread(target=report, args=("target=, run()",)).run()
