"""The benchmark's River pipeline: OTLP metrics from Kafka, tumbling windows for each series, a z-score for each window.

Arguments: bootstrap, topic, points to read, window in ms, lateness in ms, seconds at most. Prints one JSON object. A
window holds River's Count, Sum, Min and Max; when event time passes its end and the lateness, its mean (of a counter:
its growth) is scored against River's running Mean and Var of the series, and learned. Positions are committed once a
second, as a consumer in Python does: what lies between is counted twice after a crash.
"""

import json
import math
import sys
import time

from confluent_kafka import Consumer, KafkaError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from river import stats

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


def main():
    bootstrap, topic, points, window_ms, lateness_ms, seconds = *sys.argv[1:3], *map(int, sys.argv[3:7])
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"river-{time.time_ns()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    consumer.subscribe([topic])
    baselines = {}
    # window start -> series -> (window, whether it is a counter)
    open_windows = {}
    seen = {}
    read = windows = anomalies = late = 0
    watermark = 0
    began = committed = None
    while read < points:
        messages = consumer.consume(500, timeout=1.0)
        now = time.perf_counter()
        if began is None and messages:
            began = committed = now
        for message in messages:
            if message.error():
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise RuntimeError(message.error())
                continue
            request = ExportMetricsServiceRequest.FromString(message.value())
            for resource_metrics in request.resource_metrics:
                entity = ""
                for kv in resource_metrics.resource.attributes:
                    if kv.key == "service.instance.id":
                        entity = kv.value.string_value
                for scope_metrics in resource_metrics.scope_metrics:
                    for metric in scope_metrics.metrics:
                        is_sum = metric.HasField("sum")
                        data = metric.sum if is_sum else metric.gauge
                        name = metric.name
                        for p in data.data_points:
                            attributes = tuple([(kv.key, kv.value.string_value) for kv in p.attributes])
                            series = (entity, name, attributes)
                            value = p.as_int if p.HasField("as_int") else p.as_double
                            time_ms = p.time_unix_nano // 1_000_000
                            start = time_ms - time_ms % window_ms
                            if start + window_ms <= watermark:
                                late += 1
                                continue
                            at = open_windows.get(start)
                            if at is None:
                                at = open_windows[start] = {}
                            pair = at.get(series)
                            if pair is None:
                                pair = at[series] = (Window(value), is_sum)
                            pair[0].update(value)
                            read += 1
            seen[message.partition()] = max(seen.get(message.partition(), 0), message.timestamp()[1])
            passed = min(seen.values()) - lateness_ms
            if passed > watermark:
                watermark = passed
                for start in sorted(s for s in open_windows if s + window_ms <= watermark):
                    for series, (window, is_sum) in open_windows.pop(start).items():
                        x = window.last - window.first if is_sum else window.sum.get() / window.count.get()
                        baseline = baselines.get(series)
                        if baseline is None:
                            baseline = baselines[series] = Baseline()
                        if baseline.score(x) >= THRESHOLD:
                            anomalies += 1
                        baseline.learn(x)
                        windows += 1
        if began is not None and now - committed > 1:
            consumer.commit(asynchronous=True)
            committed = now
            if now - began > seconds:
                break
    took = time.perf_counter() - began
    result = {
        "pointsPerSec": read / took,
        "points": read,
        "windows": windows,
        "anomalies": anomalies,
        "late": late,
    }
    print(json.dumps(result))
    consumer.close()


main()
