import threading

import pytest

from he2ihc_keras.scoring import streaming
from he2ihc_keras.scoring.streaming import stream


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(streaming, "_THREADS", 2)


def test_only_a_few_items_are_read_ahead():
    read = []
    results = stream(str, (read.append(n) or n for n in range(1000)), doing="x")
    assert [next(results) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    assert len(read) < 10
    results.close()


def test_two_items_are_worked_on_at_a_time():
    both = threading.Barrier(2, timeout=5)  # breaks if one waits for the other
    assert sorted(stream(lambda _: both.wait(), range(2), doing="x")) == [0, 1]


def test_items_are_read_in_the_callers_thread():
    readers = []
    items = (readers.append(threading.current_thread()) for _ in range(9))
    list(stream(str, items, doing="x"))
    assert set(readers) == {threading.current_thread()}


def test_progress_counts_to_the_total():
    told = []
    list(stream(str, "ab", doing="Scoring", progress=lambda *now: told.append(now)))
    assert told == [("Scoring", 0, 2), ("Scoring", 1, 2), ("Scoring", 2, 2)]


def test_the_total_of_a_generator_is_not_known():
    told = []
    list(stream(str, iter("a"), doing="x", progress=lambda *now: told.append(now)))
    assert told == [("x", 0, None), ("x", 1, None)]


def test_the_first_error_ends_the_stream():
    done = []
    with pytest.raises(ZeroDivisionError):
        for result in stream(lambda n: 1 / n, [1, 2, 0, 4], doing="x"):
            done.append(result)
    assert done == [1, 0.5]
