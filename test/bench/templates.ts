/**
 * Lines a second of CPU time (what a core of its own gives) of the template miner, and of Drain3 with masks (PyPI, optional: `PYTHON` names an interpreter that has
 * drain3 0.9.11) on the same lines. `npm run bench -- templates [--lines N] [--bounded N [--only-bounded]] [--json]`; `--bounded` also mines that
 * many random lines and gives memory and templates.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Miner } from "../../models/logs/miner.ts";
import { randomOf } from "../../models/neural/random.ts";
import { keepHeapSmall } from "../../pipelines/cli/small-heap.ts";
import { generate, type System, VALUES } from "../eval/logs/generator.ts";
import { DEVELOPMENT } from "../eval/logs/systems.ts";

const { values } = parseArgs({
  options: {
    lines: { type: "string", default: "200000" },
    bounded: { type: "string", default: "0" },
    "only-bounded": { type: "boolean", default: false },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const count = Number(values.lines);
const rounds = Number(values.rounds);
const bounded = Number(values.bounded);
if (![count, rounds, bounded].every((n) => Number.isSafeInteger(n) && n >= 0) || count === 0 || rounds === 0) {
  process.stderr.write("--lines, --rounds and --bounded are whole numbers\n");
  process.exit(2);
}

/** Lines whose variable parts are drawn anew, so that they hardly repeat. */
const FRESH: System = {
  name: "fresh",
  statements: [
    "user {user} opened {path} from {ip} port {port} in {duration}",
    "request {uuid} to {url} returned {status} after {float} ms",
    "block blk_{int} of size {int} received from {ip}:{port}",
    "task {int}.{int} in stage {int} finished in {int} ms on {node} ({int}/{int})",
    "cache {hex32} evicted, {int} bytes at {pointer}",
    "session {hex8} closed by {ip}, lifetime {clock}",
    "wrote {file} ({size}) version {version}",
    "connection from {host} authenticated as {email}",
  ],
};

/** Made when asked for: what they take is not the miner's. */
function lineSets(): Record<string, readonly string[]> {
  const fresh = generate(FRESH, count, 1).map((l) => l.content);
  const mixed = DEVELOPMENT.flatMap((s) => generate(s, Math.ceil(count / DEVELOPMENT.length), 1)).map((l) => l.content);
  const random = randomOf(5);
  const few = mixed.filter((_, i) => i % 40 === 0);
  const repeated = Array.from({ length: count }, () => few[Math.floor(random() ** 2 * few.length)] as string);
  return { "values drawn anew": fresh, "generated systems, optional parts": mixed, "natural repetition": repeated };
}

function ours(lines: readonly string[]): number {
  let best = 0;
  for (let r = 0; r < rounds; r++) {
    const miner = new Miner();
    const start = process.cpuUsage();
    for (const line of lines) miner.add(line);
    const { user, system } = process.cpuUsage(start);
    best = Math.max(best, lines.length / ((user + system) / 1e6));
  }
  return best;
}

/** Undefined when there is no Python with drain3. */
function drain3(lines: readonly string[]): number | undefined {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-bench-"));
  try {
    const path = join(dir, "lines.txt");
    writeFileSync(path, lines.join("\n"));
    const script = join(import.meta.dirname, "templates/drain3_lines.py");
    const run = spawnSync(process.env.PYTHON ?? "python3", [script, path], { encoding: "utf8" });
    return run.status === 0 ? Number(run.stdout) : undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const results =
  bounded > 0 && values["only-bounded"]
    ? []
    : Object.entries(lineSets()).map(([name, lines]) => {
        const distinct = new Set(lines).size / lines.length;
        const [mine, theirs] = [ours(lines), drain3(lines.slice(0, 50_000))];
        return {
          name,
          distinct,
          linesPerSec: mine,
          drain3PerSec: theirs ?? null,
          ratio: theirs ? mine / theirs : null,
        };
      });

/** Random names, paths and ids, for as long as asked; what the state and the process have come to. */
function bound(lines: number) {
  keepHeapSmall();
  const r = randomOf(11);
  const miner = new Miner();
  let rss = 0;
  const start = process.cpuUsage();
  for (let i = 0; i < lines; i++) {
    const name = Array.from({ length: 3 + Math.floor(r() * 8) }, () =>
      String.fromCharCode(97 + Math.floor(r() * 26)),
    ).join("");
    const path = (VALUES.path as (r: () => number) => string)(r);
    const kind = Math.floor(r() * 6);
    if (kind === 0) miner.add(`user ${name} logged in from ${path}`);
    else if (kind === 1) miner.add(`removed ${path}/${name} for ${name}${i} after ${i % 97} ms`);
    else if (kind === 2) miner.add(`${name} ${name}${i} failed: ${(i * 7919).toString(16)}`);
    else if (kind === 3) miner.add(`session ${(i * 104729).toString(36)} of ${name} ended`);
    else if (kind === 4) miner.add(`mail from <${name}@${name}.example> size ${i}`);
    else miner.add(`${name} says ${name.slice(1)} ${name.slice(2)} to ${name}`);
    if (i % 10_000 === 0) rss = Math.max(rss, process.memoryUsage().rss);
  }
  const { user, system } = process.cpuUsage(start);
  const seconds = (user + system) / 1e6;
  return {
    lines,
    peakRssBytes: rss,
    live: miner.counts.live,
    retired: miner.counts.retiredTemplates,
    linesPerSec: lines / seconds,
  };
}
const state = bounded > 0 ? bound(bounded) : null;

if (values.json) process.stdout.write(`${JSON.stringify({ results, state })}\n`);
else {
  const n = (x: number | null) => (x === null ? "-" : Math.round(x).toLocaleString("en"));
  process.stdout.write(`${cpus()[0]?.model}, Node ${process.version}, ${count} lines, best of ${rounds}\n`);
  for (const r of results)
    process.stdout.write(
      `${r.name} (${(100 * r.distinct).toFixed(0)} % distinct): ${n(r.linesPerSec)} lines/s; Drain3 ${n(r.drain3PerSec)}; ratio ${r.ratio?.toFixed(1) ?? "-"}\n`,
    );
  if (state)
    process.stdout.write(
      `${n(state.lines)} random lines: peak ${n(state.peakRssBytes / 1048576)} MiB resident, ${n(state.live)} live templates, ${n(state.retired)} retired, ${n(state.linesPerSec)} lines/s\n`,
    );
}
