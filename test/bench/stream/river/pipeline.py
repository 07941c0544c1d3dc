"""The benchmark's River pipelines over OTLP metrics from Kafka.

Arguments: variant, bootstrap, topic, points to read, window in ms, lateness in ms, seconds at most. Prints one JSON
object. Positions are committed once a second, as a consumer in Python does: what lies between counts twice after a
crash, and the state of all series is lost.

`windows`: tumbling windows for each series, each of River's Count, Sum, Min and Max; when event time passes its end and
the lateness, its mean (of a counter: its growth) is scored against River's running Mean and Var of the series, and
learned. `points`: in River's own terms, a score for every point: the mean over River's own rolling window of
time (Agg with TimeRolling), scored and learned by a GaussianScorer of the series.
"""

import datetime
import json
import math
import sys
import time

from confluent_kafka import Consumer
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from river import anomaly, feature_extraction, stats, utils

THRESHOLD = 4
WARM_WINDOWS = 10


class Window:
    __slots__ = ("count", "sum", "min", "max", "first", "last")

    def __init__(self, first):
        self.count = stats.Count()
        self.sum = stats.Sum()
        self.min = stats.Min()
        self.max = stats.Max()
        self.first = first
        self.last = first

    def update(self, x):
        self.count.update(x)
        self.sum.update(x)
        self.min.update(x)
        self.max.update(x)
        self.last = x


class Baseline:
    """Running mean and variance of what a series' windows gave."""

    __slots__ = ("mean", "var")

    def __init__(self):
        self.mean = stats.Mean()
        self.var = stats.Var()

    def score(self, x):
        sd = math.sqrt(self.var.get())
        return abs(x - self.mean.get()) / sd if self.mean.n >= WARM_WINDOWS and sd > 0 else 0.0

    def learn(self, x):
        self.mean.update(x)
        self.var.update(x)


class Windows:
    """Tumbling windows of all series."""

    def __init__(self, window_ms, lateness_ms):
        self.window_ms = window_ms
        self.lateness_ms = lateness_ms
        # window start -> series -> (window, whether it is a counter)
        self.open = {}
        self.baselines = {}
        self.watermark = 0
        self.windows = self.anomalies = self.late = 0

    def add(self, series, time_ms, value, is_sum):
        start = time_ms - time_ms % self.window_ms
        if start + self.window_ms <= self.watermark:
            self.late += 1
            return
        at = self.open.get(start)
        if at is None:
            at = self.open[start] = {}
        pair = at.get(series)
        if pair is None:
            pair = at[series] = (Window(value), is_sum)
        pair[0].update(value)

    def advance(self, time_ms):
        passed = time_ms - self.lateness_ms
        if passed <= self.watermark:
            return
        self.watermark = passed
        for start in sorted(s for s in self.open if s + self.window_ms <= passed):
            for series, (window, is_sum) in self.open.pop(start).items():
                x = window.last - window.first if is_sum else window.sum.get() / window.count.get()
                baseline = self.baselines.get(series)
                if baseline is None:
                    baseline = self.baselines[series] = Baseline()
                if baseline.score(x) >= THRESHOLD:
                    self.anomalies += 1
                baseline.learn(x)
                self.windows += 1


class Points:
    """A score for every point."""

    EPOCH = datetime.datetime(1970, 1, 1)

    def __init__(self, window_ms, _lateness_ms):
        period = datetime.timedelta(milliseconds=window_ms)
        self.mean = feature_extraction.Agg(on="value", by="series", how=utils.TimeRolling(stats.Mean(), period=period))
        self.scorers = {}
        self.windows = self.anomalies = self.late = 0

    def add(self, series, time_ms, value, is_sum):
        x = {"series": series, "value": value}
        self.mean.learn_one(x, t=self.EPOCH + datetime.timedelta(milliseconds=time_ms))
        (level,) = self.mean.transform_one(x).values()
        scorer = self.scorers.get(series)
        if scorer is None:
            scorer = self.scorers[series] = anomaly.GaussianScorer(grace_period=WARM_WINDOWS)
        # Two-sided probability of what lies beyond 4 standard deviations.
        if scorer.score_one(None, level) > 0.99994:
            self.anomalies += 1
        scorer.learn_one(None, level)

    def advance(self, time_ms):
        pass


def main():
    variant, bootstrap, topic = sys.argv[1:4]
    points, window_ms, lateness_ms, seconds = map(int, sys.argv[4:8])
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"river-{time.time_ns()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    # The slowest partition holds the watermark.
    seen = {}
    consumer.subscribe([topic], on_assign=lambda _, partitions: seen.update({p.partition: 0 for p in partitions}))
    work = {"windows": Windows, "points": Points}[variant](window_ms, lateness_ms)
    read = 0
    began = committed = None
    while read < points:
        messages = consumer.consume(200, timeout=1.0)
        now = time.perf_counter()
        if began is None and messages:
            began = committed = now
        for message in messages:
            if message.error():
                raise RuntimeError(message.error())
            request = ExportMetricsServiceRequest.FromString(message.value())
            for resource_metrics in request.resource_metrics:
                entity = ""
                for kv in resource_metrics.resource.attributes:
                    if kv.key == "service.instance.id":
                        entity = kv.value.string_value
                for scope_metrics in resource_metrics.scope_metrics:
                    for metric in scope_metrics.metrics:
                        is_sum = metric.HasField("sum")
                        name = metric.name
                        for p in (metric.sum if is_sum else metric.gauge).data_points:
                            series = (entity, name, tuple([(kv.key, kv.value.string_value) for kv in p.attributes]))
                            value = p.as_int if p.HasField("as_int") else p.as_double
                            work.add(series, p.time_unix_nano // 1_000_000, value, is_sum)
                            read += 1
            seen[message.partition()] = max(seen[message.partition()], message.timestamp()[1])
            work.advance(min(seen.values()))
        if began is not None and now - committed > 1:
            consumer.commit(asynchronous=True)
            committed = now
        if began is not None and now - began > seconds:
            break
    took = time.perf_counter() - began
    result = {
        "pointsPerSec": read / took,
        "points": read,
        "windows": work.windows,
        "anomalies": work.anomalies,
        "late": work.late,
    }
    print(json.dumps(result))
    consumer.close()


main()
