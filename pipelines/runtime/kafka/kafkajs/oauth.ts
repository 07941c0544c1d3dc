/** SASL OAUTHBEARER, with tokens from a token endpoint or kept fresh by somebody else. */
import type { Mechanism } from "kafkajs";
import type { Clock } from "../../../core/clock.ts";
import { PipelineError } from "../../../core/errors.ts";
import type { KafkaConnection } from "../../../core/kafka-config.ts";
import { type HttpCallOptions, HttpError, httpCall } from "../../../tolerance/http-call.ts";
import { envOf, fileOf, secretOf } from "./secrets.ts";

export type Oauth = Extract<NonNullable<KafkaConnection["sasl"]>, { mechanism: "oauthbearer" }>;

/** A token is replaced when this part of its life is over, as Java's client does... */
const REFRESH_AT = 0.8;
/** ...and never handed out with less left: kafkajs logs in again 10 s before the end, and needs a newer one then. */
const LEAST_LEFT_MS = 30_000;
const MAX_BODY_BYTES = 256 * 1024;

/**
 * Instead of that of kafkajs, which takes a refusal for a login: a broker answers a bad token with a reason and waits to
 * be answered before it hangs up. @see RFC 7628, section 3.2
 */
export function oauthMechanism(oauth: Oauth, clock: Clock): Mechanism {
  const provide = tokenProvider(oauth, clock);
  const pairs = Object.entries(oauth.extensions ?? {}).map(([name, value]) => `${name}=${value}\x01`);
  return {
    mechanism: "oauthbearer",
    authenticationProvider: ({ host, port, saslAuthenticate }) => ({
      async authenticate() {
        const { value } = await provide();
        const where = `${host}:${port}`;
        if (!/^[\x21-\x7e]+$/.test(value))
          throw new PipelineError("KAFKA_AUTHENTICATION", where, { detail: "the token is empty or no token" });
        const message = Buffer.from(`n,,\x01auth=Bearer ${value}\x01${pairs.join("")}\x01`);
        const size = Buffer.alloc(4);
        size.writeUInt32BE(message.length);
        const reason = await saslAuthenticate({
          request: { encode: () => Buffer.concat([size, message]) },
          response: { decode: (sized) => sized.subarray(4), parse: (bytes) => bytes.toString() },
        });
        if (reason)
          throw new PipelineError("KAFKA_AUTHENTICATION", where, {
            detail: `OAUTHBEARER: ${reason.slice(0, 200)}`,
            hint: "check sasl: is the token for this broker, and with the right scope?",
          });
      },
    }),
  };
}

/**
 * What is called at each login. One request is under way at a time, however many connections ask.
 * @throws PipelineError CONFIG_INVALID now, for a secret that isn't there; KAFKA_AUTHENTICATION later
 */
export function tokenProvider(oauth: Oauth, clock: Clock): () => Promise<{ value: string }> {
  const { tokenUrl, tokenFile, tokenEnv } = oauth;
  if (tokenFile !== undefined) return async () => ({ value: fileOf(tokenFile, "sasl.tokenFile").trim() });
  if (tokenEnv !== undefined) return async () => ({ value: envOf(tokenEnv, "sasl.tokenEnv") });
  const url = tokenUrl as string;
  const request = requestOf(oauth);
  let token: { value: string; refreshMs: number } | undefined;
  let asked: Promise<{ value: string }> | undefined;
  const ask = async () => {
    const askedMs = clock.nowMs();
    const { value, expiresInMs } = await fetchToken(url, request);
    token = { value, refreshMs: askedMs + Math.min(REFRESH_AT * expiresInMs, expiresInMs - LEAST_LEFT_MS) };
    return token;
  };
  return () => {
    if (token && clock.nowMs() < token.refreshMs) return Promise.resolve(token);
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  };
}

/** The client-credentials grant. @see RFC 6749, sections 2.3.1 and 4.4 */
function requestOf({ clientId, clientSecretEnv, clientSecretFile, scope, audience }: Oauth) {
  const secret = secretOf(clientSecretEnv, clientSecretFile, "sasl.clientSecret");
  const form = (text: string) => new URLSearchParams({ "": text }).toString().slice(1);
  const credentials = Buffer.from(`${form(clientId ?? "")}:${form(secret)}`).toString("base64");
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  if (scope) body.set("scope", scope);
  if (audience) body.set("audience", audience);
  return {
    method: "POST",
    headers: { authorization: `Basic ${credentials}`, accept: "application/json" },
    body,
  } satisfies Partial<HttpCallOptions>;
}

async function fetchToken(
  url: string,
  request: ReturnType<typeof requestOf>,
): Promise<{ value: string; expiresInMs: number }> {
  const refused = (detail: string, retriable: boolean) =>
    new PipelineError("KAFKA_AUTHENTICATION", url, {
      detail: `no token: ${detail}`,
      hint: "check sasl.tokenUrl, clientId, the secret it names, scope and audience",
      retriable,
    });
  let text = "";
  try {
    text = (
      await httpCall(url, { ...request, policy: "token", code: "KAFKA_AUTHENTICATION", maxBytes: MAX_BODY_BYTES })
    ).text;
  } catch (error) {
    if (!(error instanceof HttpError) || error.status === undefined) throw refused((error as Error).message, true);
    const said = objectOf(error.body);
    const why = [said.error, said.error_description].filter((t) => typeof t === "string").join(": ");
    throw refused(`status ${error.status} ${why.slice(0, 200)}`.trim(), error.retriable);
  }
  const answer = objectOf(text);
  if (typeof answer.access_token !== "string" || answer.access_token === "")
    throw refused("the answer holds no access_token", false);
  const seconds = Number(answer.expires_in);
  // Who doesn't say how long it lives is asked again at each login.
  return { value: answer.access_token, expiresInMs: seconds > 0 ? seconds * 1000 : 0 };
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
