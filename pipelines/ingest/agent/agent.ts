import { hostname } from "node:os";
import { gzipSync } from "node:zlib";
import { type Clock, systemClock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import { persistent } from "../../tolerance/persistent.ts";
import { PostError, postGzippedJson } from "../../tolerance/post.ts";
import { linuxCollector } from "./collect.ts";
import type { Collector, ProcessRule } from "./metric-point.ts";
import { toOtlp } from "./otlp.ts";
import { systeminformationCollector } from "./systeminformation.ts";

export interface AgentOptions {
  /** Base URL of an OTLP/HTTP receiver; `/v1/metrics` is added. */
  endpoint: string;
  /** Between collections, milliseconds; at least 100. */
  intervalMs: number;
  /** `host.name`; this machine's name unless given. */
  host?: string;
  processes?: readonly ProcessRule[];
  clock?: Clock;
  collector?: Collector;
  /** Unsent collections that are kept; the oldest goes first. Default 60. */
  maxQueued?: number;
  /** Of one request, milliseconds. Default 5000. */
  timeoutMs?: number;
  /** Longest wait between tries, milliseconds. Default 15 000. */
  maxBackoffMs?: number;
  /** Hears, in words for a log, what cannot be read (once each) and when the endpoint is lost and found. */
  onNotice?: (text: string) => void;
}

export interface AgentStats {
  collected: number;
  sent: number;
  /** Left out because the queue was full. */
  dropped: number;
  /** Refused by the endpoint for good. */
  rejected: number;
  /** Collections that failed as a whole. */
  failed: number;
  queued: number;
}

export interface Agent {
  /** Ends collecting and tries once to send what is left, for at most `timeoutMs`. Never rejects. */
  stop(): Promise<void>;
  stats(): AgentStats;
}

/** The collector for the system this runs on. Throws `CONFIG_INVALID` on bad rules. */
export function hostCollector(processes: readonly ProcessRule[] = []): Collector {
  return process.platform === "linux" ? linuxCollector({ processes }) : systeminformationCollector({ processes });
}

/** `os.type` of the semantic conventions. */
export function osType(): string {
  return process.platform === "win32" ? "windows" : process.platform;
}

/** Collects now and then every `intervalMs`, and sends. Throws `CONFIG_INVALID`; afterwards nothing stops it but `stop`. */
export function startAgent(options: AgentOptions): Agent {
  const url = metricsUrl(options.endpoint);
  if (!(options.intervalMs >= 100))
    throw new PipelineError("CONFIG_INVALID", "intervalMs", { detail: "must be at least 100 ms" });
  const clock = options.clock ?? systemClock;
  const collector = options.collector ?? hostCollector(options.processes);
  const identity = { name: options.host ?? hostname(), osType: osType() };
  const maxQueued = options.maxQueued ?? 60;
  const timeoutMs = options.timeoutMs ?? 5000;
  const notice = options.onNotice ?? (() => {});
  const stats = { collected: 0, sent: 0, dropped: 0, rejected: 0, failed: 0 };
  const queue: Buffer[] = [];
  const stopping = new AbortController();
  const retrying = persistent({
    firstMs: 250,
    longestMs: options.maxBackoffMs ?? 15_000,
    when: (error) => error instanceof PostError && error.retriable,
    onFailure: (error) => {
      if (!lost) notice(`cannot send, keeping up to ${maxQueued} collections: ${error.message}`);
      lost = true;
    },
  });
  let lost = false;

  // Always the oldest there is: while a try waits, the queue may have dropped the one it began with.
  const sendOldest = async (signal: AbortSignal): Promise<void> => {
    const body = queue[0];
    if (!body) return;
    const done = (): void => {
      if (queue[0] === body) queue.shift();
    };
    try {
      await postGzippedJson(url, body, timeoutMs, signal);
    } catch (error) {
      if (error instanceof PostError && error.retriable) throw error;
      done();
      stats.rejected += 1;
      notice(`a collection was refused: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    done();
    stats.sent += 1;
    if (lost) notice("sending again");
    lost = false;
  };

  let sending = false;
  const pump = async (): Promise<void> => {
    if (sending) return;
    sending = true;
    try {
      while (queue.length > 0 && !stopping.signal.aborted)
        await retrying(async (signal) => {
          if (!signal.aborted) await sendOldest(signal);
        }, stopping.signal);
    } catch {
      // Only a stop ends the tries, and it sends what is left itself.
    } finally {
      sending = false;
    }
  };

  let collecting = false;
  const tick = async (): Promise<void> => {
    // A slow reading (a tool that hangs) must not pile up behind itself.
    if (collecting) return;
    collecting = true;
    try {
      const collection = await collector.collect(clock.nowMs());
      if (stopping.signal.aborted) return;
      for (const text of collection.missing) notice(text);
      queue.push(gzipSync(JSON.stringify(toOtlp(collection, identity))));
      stats.collected += 1;
      while (queue.length > maxQueued) {
        queue.shift();
        stats.dropped += 1;
      }
      void pump();
    } catch (error) {
      stats.failed += 1;
      if (stats.failed === 1) notice(`a collection failed: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      collecting = false;
    }
  };
  const timer = setInterval(() => void tick(), options.intervalMs);
  void tick();

  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    clearInterval(timer);
    stopping.abort();
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      while (queue.length > 0 && !deadline.aborted) await sendOldest(deadline);
    } catch {
      // The endpoint is down: what is queued ends with the process.
    }
    stats.dropped += queue.splice(0).length;
  };
  return {
    stop() {
      stopped ??= stop();
      return stopped;
    },
    stats: () => ({ ...stats, queued: queue.length }),
  };
}

function metricsUrl(endpoint: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(`${endpoint.replace(/\/+$/, "")}/v1/metrics`);
  } catch {
    // Told of below, as any other address that is no good.
  }
  if (url?.protocol !== "http:" && url?.protocol !== "https:")
    throw new PipelineError("CONFIG_INVALID", "endpoint", { detail: "must be an http or https URL" });
  return url;
}
