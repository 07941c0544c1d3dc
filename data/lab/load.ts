/** Process entry of the load generator: open loop, so slow answers do not slow the arrivals down. */
import { Agent, request } from "node:http";
import { createRandom } from "./topology.ts";

export interface LoadConfig {
  port: number;
  seed: number;
  /** Mean arrivals per second over both routes. */
  perSecond: number;
}
export interface LoadCounts {
  sent: number;
  ok: number;
  failed: number;
}
/** A guarded pid is a stopped process, which cannot notice by itself that its parent died. */
export type ToLoad = { type: "guard"; pid: number } | { type: "release"; pid: number };

const config = JSON.parse(process.env.LAB_LOAD ?? "{}") as LoadConfig;
const TIMEOUT_MS = 2000;
const REPORT_MS = 200;
const random = createRandom(config.seed);
const agent = new Agent({ keepAlive: true });
const counts: LoadCounts = { sent: 0, ok: 0, failed: 0 };
const guarded = new Set<number>();

function send(method: string, path: string, body: string): void {
  counts.sent += 1;
  let settled = false;
  const settle = (ok: boolean) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    if (ok) counts.ok += 1;
    else counts.failed += 1;
  };
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const req = request({ host: "127.0.0.1", port: config.port, method, path, agent, headers }, (res) => {
    res.on("end", () => settle((res.statusCode ?? 500) < 400));
    res.on("error", () => settle(false));
    res.resume();
  });
  const timer = setTimeout(() => req.destroy(new Error("timeout")), TIMEOUT_MS);
  req.on("error", () => settle(false));
  req.on("close", () => settle(false));
  req.end(body);
}

function nextRequest(): void {
  const sku = Math.floor(random() * 1000);
  if (random() < 0.6) {
    // About half the customers give a coupon and a note: optional fields, as in any real interface.
    const coupon = random() < 0.5 ? { code: `C${sku}`, percent: 5 } : undefined;
    const order = { sku, quantity: 1 + Math.floor(random() * 3), amountCents: 500 + sku * 7, coupon };
    send("POST", "/orders", JSON.stringify(order));
  } else {
    send("GET", `/catalog?page=${Math.floor(random() * 20)}`, "");
  }
}

// Arrivals are planned on an absolute time line, so timer delays do not lower the rate.
let nextAt = performance.now();
function arrivals(): void {
  const now = performance.now();
  while (nextAt <= now) {
    nextRequest();
    nextAt += (-Math.log(1 - random()) * 1000) / config.perSecond;
  }
  setTimeout(arrivals, nextAt - now);
}

process.on("message", (message: ToLoad) => {
  if (message.type === "guard") guarded.add(message.pid);
  else guarded.delete(message.pid);
});
process.on("disconnect", () => {
  for (const pid of guarded) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Already gone.
    }
  }
  process.exit(0);
});
process.on("SIGINT", () => {});
setInterval(() => process.connected && process.send?.(counts), REPORT_MS);
arrivals();
