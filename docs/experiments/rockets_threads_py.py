"""Five rockets, a thread for each: the longest one decides. A tick is 40 ms."""

import time
from threading import Thread

TICK = 0.04  # seconds
PLAN = [(0.020, 0), (0.004, 4), (0.056, 2), (0.080, 1), (0.040, 3)]  # delay in seconds, countdown


def fly(number: int, delay: float, countdown: int) -> None:
    """Wait, count down, launch."""
    time.sleep(delay)
    for n in range(countdown, 0, -1):
        print(f"rocket {number}: {n}...\n", end="", flush=True)
        time.sleep(TICK)
    print(f"rocket {number}: launched\n", end="", flush=True)


start = time.monotonic()
crew = [Thread(target=fly, args=(number, *rocket)) for number, rocket in enumerate(PLAN)]
for thread in crew:
    thread.start()
for thread in crew:
    thread.join()
print(f"sum 0.60 s, longest 0.16 s, took {time.monotonic() - start:.2f} s")
