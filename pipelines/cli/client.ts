import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../core/errors.ts";
import type { Action, Incident, Topic } from "../core/records.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { type HttpCallOptions, HttpError, httpCall } from "../tolerance/http-call.ts";

/** A running pipeline's door, from the `endpoint.json` in its data directory; undefined when none runs. */
export async function endpointOf(dataDir: string): Promise<{ url: string; token: string; pid: number } | undefined> {
  const text = await readFile(join(dataDir, "endpoint.json"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const endpoint = JSON.parse(text) as { url: string; token: string; pid: number };
  try {
    process.kill(endpoint.pid, 0);
    return endpoint;
  } catch {
    return undefined;
  }
}

export interface PageQuery {
  readonly limit?: number;
  /** `next` of the page before. */
  readonly before?: number;
  /** Incidents that are not resolved. */
  readonly open?: boolean;
  /** Actions of this incident. */
  readonly incident?: string;
}
export interface Page<T> {
  readonly records: T[];
  /** Give it as `before` for the page after; null where this was the last one. */
  readonly next: number | null;
}
interface Reader {
  page<T>(topic: Topic, query: PageQuery): Promise<Page<T>>;
  incident(id: string): Promise<Incident | undefined>;
  close(): Promise<void>;
}

const PAGE = 500;

/** Through the running pipeline, or from its store when none runs. @throws PipelineError INPUT_INVALID where there is no data */
async function readerOf(dataDir: string): Promise<Reader> {
  const endpoint = await endpointOf(dataDir);
  if (endpoint)
    return {
      async page<T>(topic: Topic, query: PageQuery) {
        const given = new URLSearchParams();
        for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
        const { text, headers } = await ask(`${endpoint.url}/api/topics/${topic}?${given}`);
        const next = headers.get("x-next");
        return { records: JSON.parse(text) as T[], next: next === null ? null : Number(next) };
      },
      incident: (id) => request(endpoint, `/api/incidents/${encodeURIComponent(id)}`, { absent: 404 }),
      close: async () => {},
    };
  const path = join(dataDir, "store");
  if (!existsSync(path))
    throw new PipelineError("INPUT_INVALID", dataDir, {
      detail: "there is no pipeline's data",
      hint: "name its --data-dir",
    });
  const store = await openStore(path);
  return {
    async page<T>(topic: Topic, { limit = PAGE, before, open, incident }: PageQuery) {
      const rows = await store.latest(topic, {
        limit,
        ...(before === undefined ? {} : { beforeSeq: before }),
        ...(open ? { open } : {}),
        ...(incident === undefined ? {} : { incidentId: incident }),
      });
      const next = rows.length < limit ? null : (rows.at(-1)?.seq ?? null);
      return { records: rows.map((r) => JSON.parse(r.value) as T), next };
    },
    async incident(id) {
      const [row] = await store.latest("incidents", { key: id });
      return row ? (JSON.parse(row.value) as Incident) : undefined;
    },
    close: () => store.close(),
  };
}

async function reading<R>(dataDir: string, work: (reader: Reader) => Promise<R>): Promise<R> {
  const reader = await readerOf(dataDir);
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

/** Records as they stand, the newest first, one page of them. */
export const pageOf = <T>(dataDir: string, topic: Topic, query: PageQuery): Promise<Page<T>> =>
  reading(dataDir, (reader) => reader.page<T>(topic, query));

/** The newest records: at most a thousand. */
export const latestOf = async <T>(dataDir: string, topic: Topic): Promise<T[]> =>
  (await pageOf<T>(dataDir, topic, { limit: 1000 })).records;

/** Every record as it stands, however many there are, a page at a time. */
export async function* everyOf<T>(dataDir: string, topic: Topic): AsyncGenerator<T[]> {
  const reader = await readerOf(dataDir);
  try {
    for (let before: number | undefined; ; ) {
      const page: Page<T> = await reader.page<T>(topic, { limit: PAGE, ...(before === undefined ? {} : { before }) });
      yield page.records;
      if (page.next === null) return;
      before = page.next;
    }
  } finally {
    await reader.close();
  }
}

/** One incident as it stands, however old, and its repairs; undefined where there is none. */
export const incidentOf = (
  dataDir: string,
  id: string,
): Promise<{ incident: Incident; actions: Action[] } | undefined> =>
  reading(dataDir, async (reader) => {
    const incident = await reader.incident(id);
    if (!incident) return undefined;
    const { records: actions } = await reader.page<Action>("actions", { limit: 100, incident: id });
    return { incident, actions };
  });

/** Tells the running pipeline something. @throws when none runs, or it refuses. */
export async function post(dataDir: string, path: string, body: Record<string, unknown>): Promise<void> {
  const endpoint = await endpointOf(dataDir);
  if (!endpoint) throw new Error(`no pipeline runs on ${dataDir}: start one with \`faultwright run\``);
  await request(endpoint, path, { body });
}

/** GET, or POST where there is a body. Undefined for the status that `absent` names. @throws when the pipeline refuses */
export async function request<T>(
  endpoint: { url: string; token: string },
  path: string,
  { body, absent }: { body?: unknown; absent?: number } = {},
): Promise<T> {
  const { status, text } = await ask(`${endpoint.url}${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${endpoint.token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(absent === undefined ? {} : { accept: [absent] }),
  });
  return (status === absent || text === "" ? undefined : JSON.parse(text)) as T;
}

/** The pipeline runs on this machine, and its pages may be long. */
const MAX_ANSWER = 1024 * 1024 * 1024;
export const ask = async (url: string, options: Partial<HttpCallOptions> = {}) => {
  try {
    return await httpCall(url, { policy: "ask", code: "SOURCE_UNREADABLE", maxBytes: MAX_ANSWER, ...options });
  } catch (error) {
    if (error instanceof HttpError && error.status !== undefined)
      throw new Error(`refused (${error.status}): ${error.body.slice(0, 300)}`);
    throw error;
  }
};
