import { PipelineError } from "../../core/errors.ts";
import { httpCall } from "../../tolerance/http-call.ts";
import { calls } from "../../tolerance/policies.ts";

/** Where a supervisor's control API is and how to speak to it. */
export interface SupervisorOptions {
  /** Base address, `http:` or `https:`. */
  readonly url: string;
  readonly token: string;
  /** The allow-list: no other service is ever named in a request. */
  readonly services: readonly string[];
  readonly readTimeoutMs?: number;
  /** Of restart and rollback, which answer once the service is healthy. */
  readonly actTimeoutMs?: number;
  readonly maxResponseBytes?: number;
}

/** A service as the supervisor describes it. */
export interface SupervisedService {
  readonly name: string;
  readonly pid: number | null;
  readonly state: string;
  readonly release: string | null;
  readonly previousRelease: string | null;
  readonly startedAtMs: number | null;
}

export interface SupervisorClient {
  services(): Promise<SupervisedService[]>;
  health(name: string): Promise<{ healthy: boolean; detail: string }>;
  post(name: string, verb: "restart" | "rollback", signal: AbortSignal): Promise<SupervisedService>;
}

/**
 * Client of a process supervisor. Reads are retried (policy `read`), acts never (`act`). Answers are bounded in size and
 * time, redirects are not followed, what arrives is checked before it is believed.
 * @throws PipelineError CONFIG_INVALID for an address that is none, ACTION_REFUSED outside the allow-list, ACTION_FAILED else
 */
export function supervisorClient(options: SupervisorOptions): SupervisorClient {
  const { readTimeoutMs = 3000, actTimeoutMs = 30_000, maxResponseBytes = 262_144 } = options;
  const base = baseUrl(options.url);
  const allowed = new Set(options.services);
  const own = calls();

  async function call(method: "GET" | "POST", path: string, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const where = `${method} ${path}`;
    const { text } = await httpCall(`${base}${path}`, {
      ...{ policy: method === "GET" ? ("read" as const) : ("act" as const), code: "ACTION_FAILED" as const, where },
      ...{ method, timeoutMs, signal, maxBytes: maxResponseBytes, calls: own },
      headers: { authorization: `Bearer ${options.token}`, accept: "application/json" },
    });
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw failed(where, (cause as Error).message, true, cause);
    }
  }
  const read = (path: string) => call("GET", path, readTimeoutMs);
  const pathOf = (name: string, verb: string): string => {
    if (!allowed.has(name)) throw refusedTarget(name);
    return `/services/${encodeURIComponent(name)}/${verb}`;
  };

  return {
    async services() {
      const body = await read("/services");
      if (!Array.isArray(body)) throw failed("GET /services", "not a list");
      return body.map((row) => serviceOf(row, "GET /services"));
    },
    async health(name) {
      const path = pathOf(name, "health");
      const body = (await read(path)) as Record<string, unknown> | null;
      if (typeof body?.healthy !== "boolean") throw failed(`GET ${path}`, "no `healthy`");
      return { healthy: body.healthy, detail: typeof body.detail === "string" ? body.detail.slice(0, 300) : "" };
    },
    async post(name, verb, signal) {
      const path = pathOf(name, verb);
      const service = serviceOf(await call("POST", path, actTimeoutMs, signal), `POST ${path}`);
      if (service.name !== name) throw failed(`POST ${path}`, "the answer is about another service");
      return service;
    },
  };
}

const failed = (where: string, detail: string, retriable = false, cause?: unknown) =>
  new PipelineError("ACTION_FAILED", where, { detail, retriable, cause });

/** The refusal of a name outside the allow-list; the name is quoted, bounded, and only ever text. */
export const refusedTarget = (name: string) =>
  new PipelineError("ACTION_REFUSED", "allow-list", { detail: `${JSON.stringify(name).slice(0, 120)} is not in it` });

function baseUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol))
    throw new PipelineError("CONFIG_INVALID", "recover.supervisor.url", { hint: "give an http(s) address" });
  return parsed.href.replace(/[?#].*$/, "").replace(/\/+$/, "");
}

function serviceOf(value: unknown, where: string): SupervisedService {
  const row = value as Record<string, unknown> | null;
  if (typeof row?.name !== "string" || typeof row.state !== "string") throw failed(where, "not a service");
  const number = (v: unknown) => (typeof v === "number" && Number.isFinite(v) ? v : null);
  const text = (v: unknown) => (typeof v === "string" && v !== "" ? v.slice(0, 200) : null);
  return {
    name: row.name,
    state: row.state,
    pid: number(row.pid),
    startedAtMs: number(row.startedAtMs),
    release: text(row.release),
    previousRelease: text(row.previousRelease),
  };
}
