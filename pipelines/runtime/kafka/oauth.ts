/** Bearer tokens for SASL OAUTHBEARER: from a token endpoint, or kept fresh by somebody else. */
import type { Clock } from "../../core/clock.ts";
import { PipelineError } from "../../core/errors.ts";
import type { KafkaConnection } from "../../core/kafka-config.ts";
import { envOf, fileOf, secretOf } from "./secrets.ts";

export type Oauth = Extract<NonNullable<KafkaConnection["sasl"]>, { mechanism: "oauthbearer" }>;

/** A token is replaced when this part of its life is over, as Java's client does. */
const REFRESH_AT = 0.8;
const TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 256 * 1024;

/**
 * What kafkajs calls at each login. One request is under way at a time, however many connections ask.
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
    token = { value, refreshMs: askedMs + REFRESH_AT * expiresInMs };
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
function requestOf({ clientId, clientSecretEnv, clientSecretFile, scope, audience }: Oauth): RequestInit {
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
    redirect: "error", // the secret is for this address alone
  };
}

async function fetchToken(url: string, request: RequestInit): Promise<{ value: string; expiresInMs: number }> {
  const refused = (detail: string, retriable: boolean) =>
    new PipelineError("KAFKA_AUTHENTICATION", url, {
      detail: `no token: ${detail}`,
      hint: "check sasl.tokenUrl, clientId, the secret it names, scope and audience",
      retriable,
    });
  let [status, text] = [0, ""];
  try {
    const response = await fetch(url, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
    status = response.status;
    text = await textOf(response);
  } catch (error) {
    const { message, cause } = error as Error;
    throw refused(cause instanceof Error && cause.message ? cause.message : message, true);
  }
  const answer = objectOf(text);
  if (status !== 200) {
    const why = [answer.error, answer.error_description].filter((t) => typeof t === "string").join(": ");
    throw refused(`status ${status} ${why.slice(0, 200)}`.trim(), status >= 500 || status === 429);
  }
  if (typeof answer.access_token !== "string" || answer.access_token === "")
    throw refused("the answer holds no access_token", false);
  const seconds = Number(answer.expires_in);
  // Who doesn't say how long it lives is asked again at each login.
  return { value: answer.access_token, expiresInMs: seconds > 0 ? seconds * 1000 : 0 };
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
