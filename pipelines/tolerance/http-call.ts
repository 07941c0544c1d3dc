/** The one place that calls `fetch`. */
import { type ErrorCode, PipelineError } from "../core/errors.ts";
import { type CallOptions, type Calls, call, type PolicyName } from "./policies.ts";

/** An HTTP call that failed: by its status, or without an answer (`status` undefined). */
export class HttpError extends PipelineError {
  readonly status: number | undefined;
  /** What the other side asked us to wait, ms. */
  readonly retryAfterMs: number | undefined;
  /** The beginning of its answer. */
  readonly body: string;

  constructor(
    code: ErrorCode,
    where: string,
    about: {
      detail: string;
      retriable: boolean;
      status?: number;
      retryAfterMs?: number;
      body?: string;
      cause?: unknown;
    },
  ) {
    super(code, where, about);
    this.name = "HttpError";
    this.status = about.status;
    this.retryAfterMs = about.retryAfterMs;
    this.body = about.body ?? "";
  }
}

export interface HttpCallOptions {
  readonly policy: PolicyName;
  readonly code: ErrorCode;
  /** Named in errors; by default method and host. Secrets may be in a path, so paths are not. */
  readonly where?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | URLSearchParams;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Of the answer; a longer one is an error. */
  readonly maxBytes?: number;
  /** Statuses that are answers, besides 2xx. */
  readonly accept?: readonly number[];
  /** Circuits and bulkheads; by default those of the process. */
  readonly calls?: Pick<Calls, "call">;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const BODY_IN_ERROR = 300;

/** What may pass by itself: too early, too many, timeouts, the server's own trouble. */
const passing = (status: number): boolean => status === 408 || status === 425 || status === 429 || status >= 500;

/**
 * One HTTP call under a named policy. Redirects are not followed: credentials are for this address alone. The answer is
 * bounded in size and time.
 * @throws HttpError; PipelineError `code` where the policy gives up (timeout, open circuit, full bulkhead)
 */
export function httpCall(url: string | URL, options: HttpCallOptions): Promise<HttpAnswer> {
  const { policy, code, method = "GET", maxBytes = 262_144, accept = [], timeoutMs, signal } = options;
  const address = new URL(url);
  const where = options.where ?? `${method} ${address.host}`;
  const shared: CallOptions = { policy, destination: address.origin, code, timeoutMs, signal };
  return (options.calls ?? { call }).call(shared, async (signal) => {
    try {
      const { headers, body } = options;
      const response = await fetch(address, { method, headers, body: body as never, redirect: "error", signal });
      const text = await boundedText(response, maxBytes, () => tooLong(code, where, maxBytes));
      if (response.ok || accept.includes(response.status))
        return { status: response.status, headers: response.headers, text };
      const said = text.trim().slice(0, BODY_IN_ERROR);
      throw new HttpError(code, where, {
        detail: `status ${response.status}${said === "" ? "" : `: ${said}`}`,
        status: response.status,
        retriable: passing(response.status),
        retryAfterMs: retryAfter(response.headers.get("retry-after")),
        body: text,
      });
    } catch (error) {
      if (error instanceof PipelineError || signal.aborted) throw error;
      throw new HttpError(code, where, { detail: reasonOf(error as Error), retriable: true, cause: error });
    }
  });
}

const tooLong = (code: ErrorCode, where: string, maxBytes: number) =>
  new HttpError(code, where, { detail: `the answer is longer than ${maxBytes} bytes`, retriable: false });

/** `fetch failed` says nothing: what lies under it does. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}

/** Whole seconds only: a date would need a clock that agrees with theirs. */
function retryAfter(value: string | null): number | undefined {
  const seconds = value === null || value.trim() === "" ? Number.NaN : Number(value);
  return seconds >= 0 ? Math.min(seconds * 1000, 3_600_000) : undefined;
}

async function boundedText(response: Response, limit: number, tooMuch: () => Error): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += (part as Uint8Array).byteLength;
    if (size > limit) throw tooMuch();
    parts.push(part as Uint8Array);
  }
  return Buffer.concat(parts).toString("utf8");
}
