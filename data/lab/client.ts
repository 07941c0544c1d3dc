import { Agent, request } from "node:http";
import { type Attributes, type Context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { type Telemetry, traceparent } from "./telemetry.ts";
import { CALL_TIMEOUT_MS, type ServiceName } from "./topology.ts";

export interface Reply {
  status: number;
  body: unknown;
}

/** A dependency failed; `status` is what this service answers because of it (502, 503 or 504). */
export interface DependencyError extends Error {
  status: number;
}

export type Call = (
  peer: ServiceName,
  method: string,
  path: string,
  body: unknown,
  context: Context,
) => Promise<unknown>;

function dependencyError(peer: string, reason: string, status: number): DependencyError {
  return Object.assign(new Error(`${peer} call failed: ${reason}`), { status });
}

export function isDependencyError(error: unknown): error is DependencyError {
  return error instanceof Error && typeof (error as Partial<DependencyError>).status === "number";
}

/** Answers 504 after a timeout, 503 when nobody listens or the connection broke, 502 on an error answer. */
function explain(peer: string, error: NodeJS.ErrnoException): DependencyError {
  if (error.code === "ETIMEDOUT") return dependencyError(peer, `timeout after ${CALL_TIMEOUT_MS} ms`, 504);
  return dependencyError(peer, error.message || (error.code ?? "unknown"), 503);
}

/** Makes the function for outgoing calls: CLIENT span, duration metric, 800 ms limit, no retry. */
export function createCall(telemetry: Telemetry, peers: Partial<Record<ServiceName, number>>): Call {
  const agent = new Agent({ keepAlive: true });

  function send(port: number, method: string, path: string, body: string, parent: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        traceparent: parent,
      };
      const req = request({ host: "127.0.0.1", port, method, path, agent, headers }, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", reject);
        res.on("end", () => {
          clearTimeout(timer);
          const text = Buffer.concat(chunks).toString();
          try {
            resolve({ status: res.statusCode ?? 0, body: text === "" ? undefined : JSON.parse(text) });
          } catch (error) {
            reject(error);
          }
        });
      });
      const timer = setTimeout(() => {
        req.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" }));
      }, CALL_TIMEOUT_MS);
      req.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      req.end(body);
    });
  }

  return async (peer, method, path, body, context) => {
    const port = peers[peer] ?? 0;
    const pathOnly = path.split("?")[0] ?? path;
    const target: Attributes = { "http.request.method": method, "server.address": "127.0.0.1", "server.port": port };
    const span = telemetry.tracer.startSpan(
      `${method} ${pathOnly}`,
      { kind: SpanKind.CLIENT, attributes: { ...target, "url.path": pathOnly } },
      context,
    );
    const started = performance.now();
    const outcome: Attributes = {};
    try {
      const text = body === undefined ? "" : JSON.stringify(body);
      const reply = await send(port, method, path, text, traceparent(span));
      outcome["http.response.status_code"] = reply.status;
      if (reply.status < 400) return reply.body;
      outcome["error.type"] = String(reply.status);
      throw dependencyError(peer, `status ${reply.status}`, 502);
    } catch (error) {
      const failure = isDependencyError(error) ? error : explain(peer, error as NodeJS.ErrnoException);
      outcome["error.type"] ??= (error as NodeJS.ErrnoException).code ?? "Error";
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message });
      telemetry.log("warn", failure.message, trace.setSpan(context, span), { "server.port": port });
      throw failure;
    } finally {
      span.setAttributes(outcome);
      telemetry.clientDuration.record((performance.now() - started) / 1000, { ...target, ...outcome });
      span.end();
    }
  };
}
