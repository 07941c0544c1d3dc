/** Process entry of one lab service; configured by LAB_SERVICE, told about defects over IPC. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Attributes, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { createCall, isDependencyError } from "./client.ts";
import { createTableLock, switchOn } from "./defects.ts";
import { createHandlers } from "./handlers.ts";
import { openStorage } from "./storage.ts";
import { extractParent, observeStore, startTelemetry } from "./telemetry.ts";
import { type FromService, type ServiceConfig, STORE_LIMIT_BYTES, type ToService } from "./topology.ts";

const LISTEN_RETRY_MS = 200;
const LISTEN_TRIES = 40;
const LOG_EVERY = 5;

const config = JSON.parse(process.env.LAB_SERVICE ?? "{}") as ServiceConfig;
const telemetry = startTelemetry({ endpoint: config.otlpEndpoint, service: config.name, release: config.release });
const lock = createTableLock();
const storage = config.name === "store" ? await openStorage(config.dir, STORE_LIMIT_BYTES) : undefined;
const writes = storage && observeStore(telemetry.meter, () => storage.usedBytes(), STORE_LIMIT_BYTES);
const handlers = createHandlers(config.name, {
  release: config.release,
  call: createCall(telemetry, config.peers),
  lock,
  storage,
  countWrite: () => writes?.add(1),
});
let served = 0;

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
}

function answer(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { "content-type": "application/json" });
  res.end(JSON.stringify(body));
}

async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new URL(req.url ?? "/", "http://127.0.0.1");
  const method = req.method ?? "GET";
  // Probes are kept out of the telemetry, as is usual.
  if (url.pathname === "/health") return answer(res, 200, { status: "ok", release: config.release });
  const route = `${method} ${url.pathname}`;
  const handler = handlers[route];
  if (!handler) return answer(res, 404, { error: "no such route" });

  const started = performance.now();
  const base: Attributes = { "http.request.method": method, "http.route": url.pathname };
  const parent = extractParent(req.headers.traceparent);
  const span = telemetry.tracer.startSpan(
    route,
    { kind: SpanKind.SERVER, attributes: { ...base, "url.path": url.pathname } },
    parent,
  );
  const context = trace.setSpan(parent, span);
  telemetry.activeRequests.add(1, base);
  const outcome: Attributes = {};
  let status = 200;
  try {
    const body = await readJson(req);
    answer(res, 200, await handler({ query: url.searchParams, body, context }));
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    status = isDependencyError(failure) ? failure.status : 500;
    outcome["error.type"] = status === 500 ? ((failure as NodeJS.ErrnoException).code ?? failure.name) : String(status);
    span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
    // A failed dependency was already logged by the caller's client; only own failures carry a stack.
    if (status === 500) {
      span.recordException(failure);
      telemetry.log("error", `${route} failed: ${failure.message}`, context, {
        "exception.type": failure.name,
        "exception.message": failure.message,
        "exception.stacktrace": failure.stack ?? "",
      });
    } else telemetry.log("error", `${route} answered ${status}: ${failure.message}`, context);
    answer(res, status, { error: failure.message });
  }
  const seconds = (performance.now() - started) / 1000;
  outcome["http.response.status_code"] = status;
  span.setAttributes(outcome);
  span.end();
  telemetry.activeRequests.add(-1, base);
  telemetry.serverDuration.record(seconds, { ...base, ...outcome });
  if (served++ % LOG_EVERY === 0 && status === 200) {
    telemetry.log("info", `${route} ${status} in ${(seconds * 1000).toFixed(1)} ms`, context);
  }
}

const server = createServer((req, res) => {
  handle(req, res).catch(() => res.destroy());
});
// Callers keep connections; the default of 5 s would close them under their feet.
server.keepAliveTimeout = 60_000;

function tell(message: FromService): void {
  if (process.connected) process.send?.(message);
}

// While the service is down, any outgoing connection of the machine may borrow its port for a moment.
function listen(triesLeft: number): void {
  server.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE" || triesLeft === 0) process.exit(1);
    setTimeout(() => listen(triesLeft - 1), LISTEN_RETRY_MS);
  });
  server.listen(config.port, "127.0.0.1", () => {
    server.removeAllListeners("error");
    telemetry.log("info", `${config.name} ${config.release} listening`, extractParent(undefined));
    tell({ type: "listening", port: (server.address() as AddressInfo).port });
  });
}

process.on("message", (message: ToService) => {
  switchOn(message.name, { lock, keepSpills: storage && (() => storage.keepSpills()) });
  tell({ type: "switched", name: message.name });
});
process.on("disconnect", () => process.exit(0));
// Ctrl-C reaches the whole terminal group; the supervisor decides when its services end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {
  server.close();
  setTimeout(() => process.exit(0), 1000);
  void telemetry.shutdown().then(() => process.exit(0));
});
listen(LISTEN_TRIES);
