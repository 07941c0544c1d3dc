import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PipelineError } from "../core/errors.ts";
import type { Topic } from "../core/records.ts";
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

/** Newest record of every key: through the running pipeline, or from its store when none runs. */
export async function latestOf<T>(dataDir: string, topic: Topic): Promise<T[]> {
  const endpoint = await endpointOf(dataDir);
  if (endpoint) {
    return JSON.parse((await ask(`${endpoint.url}/api/topics/${topic}`)).text) as T[];
  }
  const store = await openStore(join(dataDir, "store"));
  try {
    return (await store.latest(topic, { limit: 1000 })).map((r) => JSON.parse(r.value) as T);
  } finally {
    await store.close();
  }
}

const PAGE = 500;

/** Every record's newest version, however many there are, a page at a time. @throws PipelineError INPUT_INVALID where there is no data */
export async function* everyOf<T>(dataDir: string, topic: Topic): AsyncGenerator<T[]> {
  const endpoint = await endpointOf(dataDir);
  if (endpoint) {
    for (let before: string | null = ""; before !== null; ) {
      const query: string = before === "" ? "" : `?before=${before}`;
      const { text, headers } = await ask(`${endpoint.url}/api/topics/${topic}${query}`);
      yield JSON.parse(text) as T[];
      before = headers.get("x-next");
    }
    return;
  }
  const path = join(dataDir, "store");
  if (!existsSync(path))
    throw new PipelineError("INPUT_INVALID", dataDir, {
      detail: "there is no pipeline's data",
      hint: "name its --data-dir",
    });
  const store = await openStore(path);
  try {
    for (let beforeSeq: number | undefined; ; ) {
      const page = await store.latest(topic, { limit: PAGE, beforeSeq });
      yield page.map((r) => JSON.parse(r.value) as T);
      if (page.length < PAGE) return;
      beforeSeq = page.at(-1)!.seq;
    }
  } finally {
    await store.close();
  }
}

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
