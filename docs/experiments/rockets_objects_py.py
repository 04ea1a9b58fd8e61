"""Each rocket is a thread: a class that inherits from Thread and overrides run."""

import time
from threading import Thread

TICK = 0.04  # seconds
PLAN = [(0.020, 0), (0.004, 4), (0.056, 2), (0.080, 1), (0.040, 3)]  # delay in seconds, countdown


class Rocket(Thread):
    """A rocket that flies in a thread of its own."""

    def __init__(self, number: int, delay: float, countdown: int) -> None:
        super().__init__()
        self.number = number
        self.delay = delay
        self.countdown = countdown

    def run(self) -> None:
        """What the thread does; `start` calls it there."""
        time.sleep(self.delay)
        for n in range(self.countdown, 0, -1):
            print(f"rocket {self.number}: {n}...\n", end="", flush=True)
            time.sleep(TICK)
        print(f"rocket {self.number}: launched\n", end="", flush=True)


rockets = [Rocket(number, *rocket) for number, rocket in enumerate(PLAN)]
for rocket in rockets:
    rocket.start()
for rocket in rockets:
    rocket.join()
print("all are up")
