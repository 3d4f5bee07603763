"""Metrics pushed to an OTLP receiver, where the environment names one.

Source: argo-semantics 26.1; OpenTelemetry, periodic exporting metric reader.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tiphys.errors import SpecError
from tiphys.ports import Clock
from tiphys.telemetry.metrics import ControllerMetrics
from tiphys.telemetry.points import Points, open_exporter

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter

log = logging.getLogger(__name__)
_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"


class Pushing:
    """Sends all metrics from time to time, and once more at the end.

    Args:
        metrics: What is sent.
        exporter: Who sends; blocks, so it works in a thread.
        interval: From one push to the next.
    """

    def __init__(self, metrics: ControllerMetrics, exporter: "MetricExporter", clock: Clock, interval: timedelta) -> None:
        self._metrics, self._exporter, self._clock, self._interval = metrics, exporter, clock, interval
        self._points = Points(clock.now())
        self._is_failing = False

    async def run(self) -> None:
        """Push until cancelled."""
        try:
            while True:
                await self._clock.sleep_until(self._clock.now() + self._interval)
                await self.push()
        finally:
            await self.push()
            await asyncio.to_thread(self._exporter.shutdown)

    async def push(self) -> None:
        """Send what is known now; a receiver that is away is told of once, and again when it is back."""
        delta = self._metrics.config.temporality == "Delta"
        points = self._points.of(self._metrics.families(), self._clock.now(), delta=delta)
        result = await asyncio.to_thread(self._exporter.export, points)
        is_failing = result.name != "SUCCESS"
        if not is_failing:
            self._points.taken()
        if is_failing != self._is_failing:
            self._is_failing = is_failing
            log.warning("metrics cannot be pushed" if is_failing else "metrics are pushed again")


def metrics_pushed(
    metrics: ControllerMetrics, clock: Clock, environment: Mapping[str, str]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """The work of pushing to the receiver that the environment names, each minute unless it says otherwise.

    Raises:
        SpecError: A variable cannot be read; `path` names it.
    """
    text = environment.get(_INTERVAL) or "60000"
    if not text.isdecimal() or not int(text):
        raise SpecError(f"{text!r} is no number of milliseconds", path=_INTERVAL)
    return Pushing(metrics, open_exporter(environment), clock, timedelta(milliseconds=int(text))).run
