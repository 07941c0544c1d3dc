/**
 * OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp): a request is answered only when its payload is
 * in the journal. Payloads are not looked into here; a bad one becomes a dead letter when it is decoded.
 */
import { promisify } from "node:util";
import { gunzip, inflate } from "node:zlib";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { DecoderName } from "../decoders/index.ts";

const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;
const PROTOBUF = "application/x-protobuf";
const JSON_TYPE = "application/json";
const SIGNALS = ["metrics", "logs", "traces"] as const;

export interface OtlpRoutesOptions {
  /** Resolves when the payload is durable. A failure is answered with 503, so that the sender tries again. */
  readonly append: (payload: { format: DecoderName; value: Uint8Array }) => Promise<void>;
  /** Limit on the body, both as sent and unpacked. */
  readonly maxBodyBytes?: number;
  /** True sends senders away for a second, before their body is read. */
  readonly overloaded: () => boolean;
}

class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** Adds POST /v1/metrics, /v1/logs and /v1/traces in a scope of their own, so that the app's other parsers stay. */
export function otlpRoutes(app: FastifyInstance, options: OtlpRoutesOptions): void {
  const { append, maxBodyBytes = DEFAULT_MAX_BODY_BYTES, overloaded } = options;
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      [PROTOBUF, JSON_TYPE],
      { parseAs: "buffer", bodyLimit: maxBodyBytes },
      (_request, body, done) => done(null, body),
    );
    scope.setErrorHandler((error, request, reply) => {
      const status = (error as { statusCode?: number }).statusCode ?? 503;
      // What went wrong inside is no business of the sender's.
      refuse(request, reply, status, status < 500 && error instanceof Error ? error.message : "try again later");
    });
    scope.addHook("onRequest", async (request, reply) => {
      if (overloaded()) return refuse(request, reply, 503, "overloaded");
    });
    for (const signal of SIGNALS) {
      scope.post(`/v1/${signal}`, async (request, reply) => {
        const type = mediaType(request);
        if (type === undefined) throw new HttpError(415, `content type must be ${PROTOBUF} or ${JSON_TYPE}`);
        const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
        const value = await unpacked(body, request.headers["content-encoding"], maxBodyBytes);
        await append({ format: `otlp-${signal}-${type === PROTOBUF ? "proto" : "json"}`, value });
        // An empty response message: all was taken.
        return reply.type(type).send(type === PROTOBUF ? Buffer.alloc(0) : "{}");
      });
    }
  });
}

function mediaType(request: FastifyRequest): typeof PROTOBUF | typeof JSON_TYPE | undefined {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  return type === PROTOBUF || type === JSON_TYPE ? type : undefined;
}

const gunzipAsync = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip);
const inflateAsync = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflate);

async function unpacked(body: Uint8Array, encoding: string | undefined, maxOutputLength: number): Promise<Uint8Array> {
  const name = encoding?.trim().toLowerCase() ?? "identity";
  if (name === "identity" || name === "") return body;
  if (name !== "gzip" && name !== "deflate") throw new HttpError(415, "content encoding must be gzip or deflate");
  try {
    return await (name === "gzip" ? gunzipAsync : inflateAsync)(body, { maxOutputLength });
  } catch (e) {
    const tooLarge = (e as { code?: string }).code === "ERR_BUFFER_TOO_LARGE";
    throw tooLarge ? new HttpError(413, "body too large when unpacked") : new HttpError(400, `unreadable ${name}`);
  }
}

/** Answers with a google.rpc.Status in the request's encoding, as the specification asks. */
function refuse(request: FastifyRequest, reply: FastifyReply, status: number, message: string): FastifyReply {
  if (status === 503) reply.header("retry-after", "1");
  const code = status === 503 ? 14 : status === 413 ? 8 : 3; // UNAVAILABLE, RESOURCE_EXHAUSTED, INVALID_ARGUMENT
  reply.code(status);
  if (mediaType(request) !== PROTOBUF) return reply.type(JSON_TYPE).send(JSON.stringify({ code, message }));
  const text = Buffer.from(message.slice(0, 100).replace(/[^\x20-\x7e]/g, "?"));
  // Status: code = 1 (varint), message = 2 (bytes); both lengths fit in one byte.
  return reply.type(PROTOBUF).send(Buffer.concat([Buffer.from([8, code, 18, text.length]), text]));
}
