"""Trials side by side."""

import concurrent.futures
import queue


def spread(call, workers, numbers):
    """(number, call(worker, number)) for each of `numbers`, in their order; each worker does one trial at a time."""
    free = queue.Queue()
    for worker in workers:
        free.put(worker)

    def one(number):
        worker = free.get()
        try:
            return number, call(worker, number)
        finally:
            free.put(worker)

    with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
        yield from pool.map(one, numbers)
