/**
 * tfjs backends beside each other in one run: training and scoring of the dense and the recurrent autoencoder at several
 * sizes. `npm run bench -- backends [--json] [--only native,wasm,cpu] [--rounds 1]`. Rounds alternate between backends, each
 * in a process of its own, and medians are given. Rows a second of CPU time, all threads: a
 * busy machine changes it little. A backend that does not load is
 * listed with the reason; `npm run setup:native` builds the native one.
 */
import { execFileSync } from "node:child_process";
import { parseArgs } from "node:util";
import { random } from "../../data/series/random.ts";
import { BACKENDS, type BackendName, startBackend } from "../../models/neural/backend.ts";

const SIZES = { autoencoder: [8, 38, 128], "gru-autoencoder": [8, 38] };
const BATCHES = [1, 128, 1024] as const;
const MODELS = ["autoencoder", "gru-autoencoder"] as const;
const TRAINED = { autoencoder: 2000, "gru-autoencoder": 160 };
const LEAST_SECONDS = 0.15;

/** Of one backend in one process, by "model dims what". */
type Rates = Record<string, number>;

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { json: { type: "boolean" }, only: text, rounds: text, child: text },
});

/** All threads: a busy machine does not change it much. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function rowsOf(n: number, dims: number): Float64Array {
  const r = random(7);
  const factor = Float64Array.from({ length: n }, () => r.normal());
  return Float64Array.from({ length: n * dims }, (_, i) => 10 + factor[Math.floor(i / dims)]! + 0.3 * r.normal());
}

/** What one process measures; training is whole fits, after one that warms up. */
async function child(backend: BackendName): Promise<Rates> {
  await startBackend([backend]);
  const { autoencoder } = await import("../../models/neural/autoencoder.ts");
  const { gruAutoencoder } = await import("../../models/neural/gru-autoencoder.ts");
  const rates: Rates = {};
  for (const model of MODELS)
    for (const dims of SIZES[model]) {
      const rows = rowsOf(TRAINED[model], dims);
      const teach = (epochs: number) => {
        const how = { epochs, patience: epochs, backends: [backend] };
        return model === "autoencoder" ? autoencoder.fit(rows, dims, how) : gruAutoencoder.fit(rows, dims, how);
      };
      const epochs = model === "autoencoder" ? 4 : 2;
      await teach(1);
      const before = cpuSeconds();
      const fitted = await teach(epochs);
      rates[`${model} ${dims} train`] = (TRAINED[model] * epochs) / (cpuSeconds() - before);
      const many = rowsOf(1024 + fitted.context, dims);
      for (const batch of BATCHES) {
        const some = many.subarray(0, (batch + fitted.context) * dims);
        fitted.score(some);
        const start = cpuSeconds();
        let done = 0;
        do {
          fitted.score(some);
          done += batch;
        } while (cpuSeconds() - start < LEAST_SECONDS);
        rates[`${model} ${dims} score ${batch}`] = done / (cpuSeconds() - start);
      }
    }
  return rates;
}

function measured(backend: BackendName): Rates | string {
  try {
    const args = ["--import", "tsx", import.meta.filename, "--child", backend];
    const out = execFileSync(process.execPath, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return JSON.parse(out.trim().split("\n").at(-1)!) as Rates;
  } catch (error) {
    const said = /Error: (.*)/.exec((error as { stderr?: string }).stderr ?? "")?.[1];
    return said ?? (error as Error).message.split("\n")[0]!;
  }
}

const middle = (all: number[]) => all.sort((a, b) => a - b)[all.length >> 1]!;

function main(): number {
  const rounds = Number(values.rounds ?? 1);
  const only = (values.only?.split(",") ?? BACKENDS) as BackendName[];
  const unknown = only.find((name) => !BACKENDS.includes(name));
  if (!(Number.isSafeInteger(rounds) && rounds > 0) || unknown !== undefined) {
    process.stderr.write(
      unknown ? `there is no backend ${unknown}\n` : `--rounds is ${values.rounds}; give an integer\n`,
    );
    return 2;
  }
  const seen = new Map<BackendName, Rates[]>();
  const missing: Record<string, string> = {};
  for (let round = 0; round < rounds; round++)
    for (const name of only.filter((n) => !(n in missing))) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${name}\n`);
      const result = measured(name);
      if (typeof result === "string") missing[name] = result;
      else seen.set(name, [...(seen.get(name) ?? []), result]);
    }
  const names = [...seen.keys()];
  const [first] = seen.values();
  if (!first) {
    process.stderr.write(`no backend loads: ${JSON.stringify(missing)}\n`);
    return 1;
  }
  const table = Object.keys(first[0]!).map((key) => {
    const rate = Object.fromEntries(names.map((n) => [n, Math.round(middle(seen.get(n)!.map((r) => r[key]!)))]));
    const order = names.toSorted((a, b) => rate[b]! - rate[a]!);
    const lead = order.length > 1 ? rate[order[0]!]! / rate[order[1]!]! : 1;
    return { what: key, rowsPerSec: rate, fastest: order[0], lead: Math.round(100 * lead) / 100 };
  });
  if (values.json) process.stdout.write(`${JSON.stringify({ rounds, table, missing })}\n`);
  else {
    const line = (cells: readonly string[]) =>
      `${cells.map((c, i) => (i === 0 ? c.padEnd(34) : c.padStart(13))).join("")}\n`;
    process.stdout.write(line(["rows a CPU second", ...names, "fastest"]));
    for (const { what, rowsPerSec, fastest, lead } of table)
      process.stdout.write(
        line([what, ...names.map((n) => rowsPerSec[n]!.toLocaleString("en")), `${fastest} x${lead}`]),
      );
    for (const [name, why] of Object.entries(missing)) process.stdout.write(`${name} is not here: ${why}\n`);
  }
  return 0;
}

if (values.child) process.stdout.write(`${JSON.stringify(await child(values.child as BackendName))}\n`);
else process.exitCode = main();
