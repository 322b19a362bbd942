import signal

import pytest

from he2ihc_keras.training import Interrupted, Signals

ASKED = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]


@pytest.mark.parametrize("number", ASKED)
def test_signal_stops_at_once_what_has_no_steps_to_save(number):
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as stop, Signals():
        signal.raise_signal(number)
        raise AssertionError("not reached")
    assert (stop.value.signal, stop.value.step) == (number, None)
    assert signal.getsignal(number) == before


def test_signal_waits_for_steps_to_be_saved():
    with pytest.raises(Interrupted), Signals() as signals:
        signals.has_unsaved = lambda: True
        signal.raise_signal(signal.SIGTERM)
        assert signals.received == signal.SIGTERM


def test_second_signal_does_not_wait():
    with pytest.raises(Interrupted) as stop, Signals(), Signals() as signals:
        signals.has_unsaved = lambda: True
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")
    assert stop.value.signal == signal.SIGINT


def test_ctrl_c_of_python_itself_is_told_as_a_stop():
    with pytest.raises(Interrupted) as stop, Signals():
        raise KeyboardInterrupt
    assert stop.value.signal == signal.SIGINT


@pytest.mark.parametrize("error", [AssertionError("nesting violated"), None])
def test_stop_comes_out_of_a_library_that_makes_another_error_of_it(error):
    with pytest.raises(Interrupted), Signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            if error:
                raise error from None
