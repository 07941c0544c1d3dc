/** A recorded incident of a small shop as files: web calls cart and user, cart calls db; faults of several kinds. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { random } from "./generator.ts";

export type CaseFault = "cpu" | "network" | "own work" | "skipped step" | "exception" | "none";
export const ONSET_MS = 1_700_000_900_000;
const STEP_MS = 15_000;
const ROWS = 90;
const SERVICES = ["web", "cart", "user", "db"];

/** Rows of each file; the service at fault is `cart`. */
export function recorded(fault: CaseFault, { seed = 1 } = {}) {
  const rnd = random(seed);
  const start = ONSET_MS - 60 * STEP_MS;
  const metrics = [["timestamp", ...SERVICES.flatMap((s) => [`${s}_cpu`, `${s}_latency_p90`, `${s}_requests`])]];
  for (let i = 0; i < ROWS; i++) {
    const timeMs = start + i * STEP_MS;
    const on = timeMs >= ONSET_MS && fault !== "none";
    const row = SERVICES.flatMap((s) => {
      const bad = on && s === "cart";
      const waits = on && s === "web" && (fault === "network" || fault === "own work" || fault === "cpu");
      const slow = bad && (fault === "own work" || fault === "cpu");
      return [
        (bad && fault === "cpu" ? 0.9 : 0.2) + 0.02 * rnd(),
        (slow || waits ? 0.4 : 0.05) + 0.01 * rnd(),
        100 + 5 * rnd(),
      ].map((v) => v.toPrecision(6));
    });
    metrics.push([String(timeMs / 1000), ...row]);
  }
  const traces = [["start_ms", "trace", "span", "parent", "service", "operation", "duration_us"]];
  const logs = [["time_ms", "service", "trace", "level", "message"]];
  for (let t = 0; t < 240; t++) {
    const at = ONSET_MS - 60_000 + t * 750;
    const on = at >= ONSET_MS && fault !== "none";
    const db = 3000 + 400 * rnd();
    const own = 2000 + 300 * rnd() + (on && fault === "own work" ? 300_000 : 0);
    const skip = on && fault === "skipped step";
    const cart = own + (skip ? 0 : db + 500);
    const way = 400 + (on && fault === "network" ? 200_000 : 0);
    const user = 1500 + 200 * rnd();
    const span = (id: string, parent: string, service: string, operation: string, us: number) =>
      traces.push([String(at), `t${t}`, `${t}.${id}`, parent && `${t}.${parent}`, service, operation, us.toFixed(0)]);
    span("1", "", "web", "GET /", 5000 + cart + way + user);
    span("2", "1", "web", "call cart", cart + way);
    span("3", "2", "cart", "GetCart", cart);
    span("4", "3", "cart", "price", own);
    if (!skip) span("5", "3", "db", "SELECT", db);
    span("6", "1", "user", "GetUser", user);
    logs.push([String(at), "cart", `t${t}`, "INFO", `cart ${t} priced in ${t % 7} ms`]);
    if (on && fault === "exception")
      logs.push([String(at), "cart", `t${t}`, "ERROR", `order ${t}: "NullPointer",\nat Cart`]);
  }
  const topology = {
    edges: [
      ["web", "cart"],
      ["web", "user"],
      ["cart", "db"],
    ],
  };
  return { metrics, traces, logs, topology };
}

const csv = (rows: readonly (readonly string[])[], end = "\n") =>
  rows.map((r) => r.map((c) => (/[",\n]/.test(c) ? `"${c.replaceAll('"', '""')}"` : c)).join(",")).join(end) + end;

/** Writes a case into a new folder under `home` and gives its path. */
export function caseFolder(
  parts: Partial<ReturnType<typeof recorded>> & { onsetMs?: number },
  { name = "case-1", gzip = false, end = "\n", home = mkdtempSync(join(tmpdir(), "faultwright-case-")) } = {},
): string {
  const dir = join(home, name);
  mkdirSync(dir, { recursive: true });
  const put = (file: string, text: string) =>
    gzip ? writeFileSync(join(dir, `${file}.gz`), gzipSync(text)) : writeFileSync(join(dir, file), text);
  for (const file of ["metrics", "traces", "logs"] as const) if (parts[file]) put(`${file}.csv`, csv(parts[file], end));
  if (parts.topology) put("topology.json", JSON.stringify(parts.topology));
  if (parts.onsetMs !== undefined) put("onset.json", JSON.stringify({ onsetMs: parts.onsetMs }));
  return dir;
}
