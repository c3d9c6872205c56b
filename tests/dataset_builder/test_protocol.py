"""A trial yields a steady window, a cold part, and a verdict."""

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset_builder.trial.protocol import (
    COLD_STEPS,
    EXTRA_WINDOWS,
    RETRIES,
    WARMUP_S,
    WARMUP_STEPS,
    WINDOWS,
    Steady,
    median_window,
    relative_spread,
    run_trial,
)
from predictor.errors import MeasurementError
from tests.dataset_builder.builders import reading, snapshot


class FakeMachine:
    """A clock, a job and a meter that agree with each other."""

    def __init__(self, *, step_s=0.01, first_s=0.5, power_w=20.0, foreign=()):
        self.time_s = 0.0
        self.step_s = step_s
        self.power_w = power_w
        self.steps = 0
        self.runs = []
        self.measured = 0
        self._first_s = first_s
        self._foreign = dict(foreign)
        self._busy_s = 0.0
        self._own_s = 0.0

    def clock(self):
        return self.time_s

    def prepare(self, steps):
        self.steps = steps
        return steps

    def run(self):
        first_s = 0.0 if self.runs else self._first_s
        self.runs.append(self.steps)
        spent_s = first_s + self.steps * self.step_s
        self.time_s += spent_s
        self._own_s += spent_s
        self._busy_s += spent_s

    def measure(self, work):
        start_s = self.time_s
        work()
        self._busy_s += self._foreign.get(self.measured, 0.0)
        self.measured += 1
        duration_s = self.time_s - start_s
        return reading(self.power_w * duration_s, duration_s)

    def snapshot(self):
        return snapshot(self.time_s, busy_s=self._busy_s, own_s=self._own_s)

    def trial(self, window_s=1.0, **options):
        return run_trial(
            self,
            self,
            window_s=window_s,
            snapshot=self.snapshot,
            clock=self.clock,
            **options,
        )


@settings(max_examples=60)
@given(st.floats(1e-4, 3.0), st.floats(0.0, 20.0), st.floats(1.0, 5.0))
def test_windows_are_long_enough_and_the_cold_part_is_what_the_first_call_took_more(
    step_s, first_s, window_s
):
    machine = FakeMachine(step_s=step_s, first_s=first_s)

    result = machine.trial(window_s)

    assert result.median.reading.duration_s >= 0.999 * window_s
    assert result.median.reading.duration_s <= 1.3 * window_s + step_s
    assert result.cold.duration_s == pytest.approx(
        first_s, abs=2e-3 * result.median.reading.duration_s
    )
    assert result.cold.energy_j > 0
    assert result.invalid_reason is None


def test_a_quiet_trial_has_one_cold_call_and_three_windows():
    machine = FakeMachine()

    result = machine.trial()

    assert machine.runs[0] == COLD_STEPS
    assert len(result.windows) == WINDOWS
    assert result.relative_spread == pytest.approx(0.0, abs=1e-9)
    assert result.warmup_steps == sum(machine.runs[1:-WINDOWS])


def test_a_disturbed_window_is_repeated_and_never_the_result():
    machine = FakeMachine(foreign={2: 0.4})

    result = machine.trial()

    reasons = [window.reason for window in result.windows]
    assert len(result.windows) == WINDOWS + 1
    assert "foreign load" in reasons[1]
    assert result.median.reading == result.windows[-1].reading
    assert result.invalid_reason is None


def test_a_window_that_the_meter_doubts_or_cannot_read_is_repeated():
    machine = FakeMachine()
    measure = machine.measure

    def unsure(work):
        found = measure(work)
        if machine.measured == 2:
            return dataclasses.replace(found, doubt="the counter stood still")
        if machine.measured == 3:
            raise MeasurementError("the counter cannot be read")
        return found

    machine.measure = unsure
    result = machine.trial()

    reasons = [window.reason for window in result.windows]
    assert reasons[:2] == ["the counter stood still", "the counter cannot be read"]
    assert reasons[2:] == [None] * WINDOWS
    assert result.windows[1].reading is None
    assert result.invalid_reason is None


def test_a_meter_that_reads_no_window_is_an_error():
    machine = FakeMachine()
    measure = machine.measure

    def broken(work):
        found = measure(work)
        if machine.measured > 1:
            raise MeasurementError("the counter cannot be read")
        return found

    machine.measure = broken
    with pytest.raises(MeasurementError, match="no window could be read"):
        machine.trial()


def test_a_window_beyond_half_a_wrap_of_the_counter_is_not_valid():
    result = FakeMachine(step_s=2.0).trial(longest_window_s=1.5)

    assert "above 1.50 s" in result.invalid_reason


@settings(max_examples=40)
@given(st.floats(1e-4, 2.0))
def test_no_window_begins_before_ten_steps_or_a_second_of_warm_up(step_s):
    machine = FakeMachine(step_s=step_s)

    result = machine.trial()

    slow = result.warmup_steps * step_s >= 0.999 * WARMUP_S
    assert result.warmup_steps >= WARMUP_STEPS or slow


def test_a_pause_comes_before_every_window():
    machine = FakeMachine()
    pauses = []

    machine.trial(pause=lambda: pauses.append(machine.measured))

    assert pauses == [1, 2, 3]


def test_a_trial_disturbed_throughout_is_kept_as_invalid():
    machine = FakeMachine(foreign=dict.fromkeys(range(1, 20), 0.5))

    result = machine.trial()

    assert len(result.windows) == RETRIES
    assert "foreign load" in result.invalid_reason
    assert result.median.reading in [window.reading for window in result.windows]


def test_windows_that_differ_are_followed_by_more():
    machine = FakeMachine()
    powers = itertools.cycle([20.0, 30.0, 20.0, 30.0, 20.0, 20.0])
    measure = machine.measure

    def restless(work):
        machine.power_w = next(powers)
        return measure(work)

    machine.measure = restless
    result = machine.trial()

    assert len(result.windows) == WINDOWS + EXTRA_WINDOWS
    assert result.relative_spread > 0.05


def test_a_step_beyond_the_limit_ends_the_trial():
    with pytest.raises(MeasurementError, match=r"one step takes 9\.0 s"):
        FakeMachine(step_s=9.0).trial(longest_step_s=4.0)


def test_a_first_call_that_was_kept_waiting_is_marked():
    machine = FakeMachine()
    measure = machine.measure

    def stalled(work):
        found = measure(work)
        if machine.measured > 1:
            return found
        return reading(found.energy_j, 30.0, cpu_time_s=found.cpu_time_s)

    machine.measure = stalled
    result = machine.trial()

    assert "computing only" in result.cold_reason
    assert result.invalid_reason is None


def window(energy_j, steps=1):
    return Steady(reading=reading(energy_j), steps=steps)


@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=7))
def test_the_median_is_one_of_the_windows_with_as_many_above_as_below(energies):
    windows = [window(energy_j) for energy_j in energies]

    median = median_window(windows)

    below = sum(item.energy_per_step_j < median.energy_per_step_j for item in windows)
    above = sum(item.energy_per_step_j > median.energy_per_step_j for item in windows)
    assert median in windows
    assert below <= len(windows) / 2
    assert above <= len(windows) / 2


def test_spread_does_not_depend_on_the_unit():
    spread = relative_spread([window(10.0), window(12.0)])

    assert relative_spread([window(100.0), window(120.0)]) == pytest.approx(spread)
    assert relative_spread([window(10.0)]) == 0.0
