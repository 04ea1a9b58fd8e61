"""Five rockets, one after another: their times add up. A tick is 40 ms."""

import time

TICK = 0.04  # seconds
PLAN = [(0.020, 0), (0.004, 4), (0.056, 2), (0.080, 1), (0.040, 3)]  # delay in seconds, countdown


def fly(number: int, delay: float, countdown: int) -> None:
    """Wait, count down, launch."""
    time.sleep(delay)
    for n in range(countdown, 0, -1):
        print(f"rocket {number}: {n}...", flush=True)
        time.sleep(TICK)
    print(f"rocket {number}: launched", flush=True)


start = time.monotonic()
for number, (delay, countdown) in enumerate(PLAN):
    fly(number, delay, countdown)
print(f"sum 0.60 s, longest 0.16 s, took {time.monotonic() - start:.2f} s")
