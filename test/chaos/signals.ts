/** Recorded-looking files for chaos runs: metrics as CSV, logs as JSONL, with a minute of fault in every ten. Made from a seed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SERVICES = ["gateway", "orders", "payment"];
const START_MS = 1_760_000_000_000;

/** Writes the files and gives their paths. One row a second and service, one log line each two seconds. */
export function writeSignals(dir: string, { seed, minutes }: { seed: number; minutes: number }): string[] {
  const random = randomOf(seed);
  const noise = () => random() + random() + random() - 1.5;
  const rows = ["timestamp,service,latency_ms,error_ratio,cpu_utilization,memory_bytes"];
  const lines: string[] = [];
  for (let s = 0; s < minutes * 60; s++) {
    const t = START_MS + s * 1000;
    for (const [k, service] of SERVICES.entries()) {
      const bad = s % 600 >= 300 && s % 600 < 360;
      const latency = 20 + 5 * k + 4 * noise() + (bad ? 300 : 0);
      const errors = Math.max(0, 0.002 * noise() + (bad && service === "payment" ? 0.4 : 0));
      rows.push(
        `${t},${service},${latency.toFixed(3)},${errors.toFixed(5)},${(0.2 + 0.05 * noise()).toFixed(4)},${Math.round(8e7 + 1e6 * noise())}`,
      );
      if (s % 2 === 0)
        lines.push(
          JSON.stringify({
            time: new Date(t + 300).toISOString(),
            service,
            level: bad && service === "payment" ? "error" : "info",
            message: bad && service === "payment" ? `charge ${s} failed: card network timed out` : `served ${s}`,
          }),
        );
      if (s % 97 === 0) lines.push(`{"time": broken ${s}`);
    }
  }
  const csv = join(dir, "metrics.csv");
  const jsonl = join(dir, "logs.jsonl");
  writeFileSync(csv, `${rows.join("\n")}\n`);
  writeFileSync(jsonl, `${lines.join("\n")}\n`);
  return [csv, jsonl];
}
