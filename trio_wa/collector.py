"""Python's cyclic garbage collector, set for a process that serves."""

import gc

THRESHOLD = 50_000
"""How many more objects are made than freed before the youngest are looked through. The messages in
memory are no garbage, and at the default of 700 they are looked through for each few requests."""


def freeze() -> None:
    """Leave out of every collection what the start has made, and collect less often.

    For a whole process: what is frozen is never freed, also where it becomes garbage.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(THRESHOLD)
