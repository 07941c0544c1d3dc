/** What the process costs, under the names that Prometheus clients share. */
import { constants, PerformanceObserver, performance } from "node:perf_hooks";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Time between two looks at the event loop, ms. */
const BEAT_MS = 500;

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "major",
  [constants.NODE_PERFORMANCE_GC_MINOR]: "minor",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "weakcb",
};

/**
 * Adds them to a registry; the function given back ends what was begun. Not prom-client's own set, whose observers
 * outlive the registry, and whose event-loop figures are reset by each reader.
 */
export function processMetrics(registry: Registry): () => void {
  const registers = [registry];
  new Gauge({
    name: "process_start_time_seconds",
    help: "Start of the process since the Unix epoch, seconds.",
    registers,
  }).set(performance.timeOrigin / 1000);
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time spent, user and system, seconds.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  const memory = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  memory("process_resident_memory_bytes", "Resident memory, bytes.", () => process.memoryUsage.rss());
  memory("nodejs_heap_size_used_bytes", "JavaScript heap in use, bytes.", () => process.memoryUsage().heapUsed);
  memory("nodejs_external_memory_bytes", "Memory outside the heap, bytes.", () => process.memoryUsage().external);

  const lag = new Histogram({
    name: "nodejs_eventloop_lag_seconds",
    help: `How late the event loop ran a timer that is due each ${BEAT_MS} ms, seconds.`,
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  let due = performance.now() + BEAT_MS;
  const beat = setInterval(() => {
    const now = performance.now();
    lag.observe(Math.max(0, now - due) / 1000);
    due = now + BEAT_MS;
  }, BEAT_MS);
  beat.unref();

  const gc = new Histogram({
    name: "nodejs_gc_duration_seconds",
    help: "Garbage collections by kind, seconds.",
    labelNames: ["kind"],
    buckets: [0.001, 0.01, 0.1, 1, 5],
    registers,
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const kind = (entry as { detail?: { kind?: number } }).detail?.kind ?? 0;
      gc.observe({ kind: GC_KINDS[kind] ?? "other" }, entry.duration / 1000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return () => {
    clearInterval(beat);
    observer.disconnect();
  };
}
