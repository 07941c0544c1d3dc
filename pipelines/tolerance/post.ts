import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { PipelineError } from "../core/errors.ts";
import { call } from "./policies.ts";

/** A request that failed. `retriable` as OTLP/HTTP has it: no answer at all, or 408, 429, 502, 503, 504. */
export class PostError extends Error {
  readonly retriable: boolean;

  constructor(message: string, retriable: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = "PostError";
    this.retriable = retriable;
  }
}

/**
 * Posts gzipped JSON under policy `ship` and resolves on a 2xx answer, whose body is thrown away. Rejects with `PostError`
 * otherwise, or after `timeoutMs` in all. One connection a request: at a few seconds' interval a kept one is what the
 * server closes.
 */
export async function postGzippedJson(url: URL, body: Buffer, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { request } = url.protocol === "https:" ? await import("node:https") : await import("node:http");
  const headers = {
    "content-type": "application/json",
    "content-encoding": "gzip",
    "content-length": body.length,
  };
  const post = (signal: AbortSignal) =>
    new Promise<number>((resolve, reject) => {
      const failed = (cause: Error): void => reject(new PostError(`${url.href}: ${cause.message}`, true, cause));
      const options: RequestOptions = { method: "POST", agent: false, headers, signal };
      const sent: ClientRequest = request(url, options, (answer: IncomingMessage) => {
        answer.on("error", failed).on("end", () => resolve(answer.statusCode ?? 0));
        answer.resume();
      });
      sent.on("error", failed);
      sent.end(body);
    });
  const status = await call(
    { policy: "ship", destination: url.origin, code: "SOURCE_UNREADABLE", timeoutMs, signal },
    post,
  ).catch((error: Error) => {
    throw error instanceof PipelineError ? new PostError(`${url.href}: ${error.message}`, true, error) : error;
  });
  if (status >= 200 && status < 300) return;
  throw new PostError(`${url.href}: status ${status}`, [408, 429, 502, 503, 504].includes(status));
}
