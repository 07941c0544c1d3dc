/**
 * Peak memory and speed of `faultwright postmortem` over a long history: daily CSV files of 40 services, a row each
 * 10 s, a fault of ten minutes every six hours. `npx tsx test/bench/postmortem.ts [--mb 1024] [--keep DIR]`
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { randomOf } from "../chaos/signals.ts";

const { values } = parseArgs({ options: { mb: { type: "string", default: "1024" }, keep: { type: "string" } } });
const SERVICES = 40;
const STEP_S = 10;
const DAY_S = 86_400;
const START_MS = 1_740_000_000_000 - (1_740_000_000_000 % (DAY_S * 1000));
const FAULT_EVERY_S = 21_600;
const FAULT_S = 600;

const dir = values.keep ?? mkdtempSync(join(tmpdir(), "faultwright-history-"));
mkdirSync(join(dir, "in"), { recursive: true });
const random = randomOf(7);
const noise = () => random() + random() + random() - 1.5;
let bytes = 0;
const known = ["id,service,start,end"];
for (let day = 0; bytes < Number(values.mb) * 1e6; day++) {
  const out = createWriteStream(join(dir, "in", `metrics-${String(day).padStart(4, "0")}.csv`));
  const put = async (text: string) => {
    bytes += text.length;
    if (!out.write(text)) await once(out, "drain");
  };
  await put("timestamp,service,latency_ms,error_ratio,request_rate,cpu_utilization,memory_bytes\n");
  for (let s = 0; s < DAY_S && bytes < Number(values.mb) * 1e6; s += STEP_S) {
    const t = day * DAY_S + s;
    const nth = Math.floor(t / FAULT_EVERY_S);
    const bad = t % FAULT_EVERY_S >= 7200 && t % FAULT_EVERY_S < 7200 + FAULT_S ? nth % SERVICES : -1;
    if (t % FAULT_EVERY_S === 7200) {
      const at = (o: number) => new Date(START_MS + (t + o) * 1000).toISOString();
      known.push(`F${nth},service-${nth % SERVICES},${at(0)},${at(FAULT_S)}`);
    }
    let rows = "";
    const load = 1 + 0.3 * Math.sin((2 * Math.PI * t) / DAY_S);
    for (let k = 0; k < SERVICES; k++)
      rows += `${START_MS + t * 1000},service-${k},${(20 + k + 4 * noise() + (k === bad ? 250 : 0)).toFixed(3)},${Math.max(0, 0.002 * noise() + (k === bad ? 0.3 : 0)).toFixed(5)},${(100 * load + 5 * noise()).toFixed(2)},${(0.2 * load + 0.03 * noise()).toFixed(4)},${Math.round(8e7 + 1e6 * noise())}\n`;
    await put(rows);
  }
  out.end();
  await once(out, "close");
}
writeFileSync(join(dir, "known.csv"), known.join("\n"));
const main = new URL("../../pipelines/cli/main.ts", import.meta.url).pathname;
const started = performance.now();
const child = spawn(
  process.execPath,
  [
    "--import",
    "tsx",
    main,
    "postmortem",
    "--input",
    join(dir, "in"),
    "--known",
    join(dir, "known.csv"),
    "--out",
    join(dir, "out"),
    "--fresh",
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
let peakKb = 0;
const timer = setInterval(() => {
  try {
    peakKb = Math.max(
      peakKb,
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0),
    );
  } catch {
    // It has ended.
  }
}, 250);
const [code] = (await once(child, "exit")) as [number];
clearInterval(timer);
const seconds = (performance.now() - started) / 1000;
process.stdout.write(
  `${(bytes / 1e6).toFixed(0)} MB in ${seconds.toFixed(0)} s: ${(bytes / 1e6 / seconds).toFixed(1)} MB/s, peak RSS ${(peakKb / 1024).toFixed(0)} MiB, exit ${code}\n`,
);
if (values.keep === undefined) rmSync(dir, { recursive: true });
process.exitCode = code;
