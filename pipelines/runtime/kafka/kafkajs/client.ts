/** The one place that builds a kafkajs client from a connection, and that says what its errors mean. */
import { CompressionTypes, Kafka, type KafkaConfig, logLevel, type Mechanism, type SASLOptions } from "kafkajs";
import { systemClock } from "../../../core/clock.ts";
import { PipelineError } from "../../../core/errors.ts";
import type { KafkaConnection } from "../../../core/kafka-config.ts";
import { BatchError, registerCodecs } from "./codecs.ts";
import { oauthMechanism } from "./oauth.ts";
import { envOf, fileOf, secretOf } from "./secrets.ts";

/**
 * About 5 s. kafkajs waits a third of a second before each retry of its own by default, on the path of every transaction.
 * All is said here: its defaults are others where NODE_ENV is test.
 */
export const RETRY = { initialRetryTime: 20, multiplier: 2, factor: 0.2, maxRetryTime: 1000, retries: 10 };
/** About 25 s: a dead leader is replaced only once the controllers have missed it for 9 s. */
export const PRODUCER_RETRY = { ...RETRY, retries: 30 };
/** A fetch in flight holds up leaving a group for as long as this. */
export const MAX_WAIT_MS = 200;

/** Connects to nothing yet. @throws PipelineError CONFIG_INVALID for a secret or certificate that isn't there */
export function kafkaClient(connection: KafkaConnection): Kafka {
  registerCodecs();
  const { brokers, clientId = "faultwright", ssl, sasl } = connection;
  return new Kafka({
    brokers: [...brokers],
    clientId,
    ...(ssl ? { ssl: tlsOf(ssl) } : {}),
    ...(sasl ? { sasl: saslOf(sasl) } : {}),
    connectionTimeout: 5000,
    retry: RETRY,
    logLevel: logLevel.NOTHING, // what matters arrives as an error; rebalances are logged as errors too
  });
}

/** `kafka:host:port,...`: where an error happened. */
export const clusterOf = ({ brokers }: KafkaConnection): string => `kafka:${brokers.join(",")}`;

/** What `send` wants of a producer. */
export function compressionOf({ compression = "lz4" }: KafkaConnection): CompressionTypes {
  const { None, GZIP, Snappy, LZ4, ZSTD } = CompressionTypes;
  return { none: None, gzip: GZIP, snappy: Snappy, lz4: LZ4, zstd: ZSTD }[compression];
}

function tlsOf(ssl: NonNullable<KafkaConnection["ssl"]>): KafkaConfig["ssl"] {
  if (typeof ssl === "boolean") return ssl;
  const { caFile, certFile, keyFile, keyPasswordEnv, serverName, rejectUnauthorized = true } = ssl;
  return {
    rejectUnauthorized,
    ...(caFile ? { ca: fileOf(caFile, "ssl.caFile") } : {}),
    ...(certFile ? { cert: fileOf(certFile, "ssl.certFile") } : {}),
    ...(keyFile ? { key: fileOf(keyFile, "ssl.keyFile") } : {}),
    ...(keyPasswordEnv ? { passphrase: envOf(keyPasswordEnv, "ssl.keyPasswordEnv") } : {}),
    ...(serverName ? { servername: serverName } : {}),
  };
}

function saslOf(sasl: NonNullable<KafkaConnection["sasl"]>): SASLOptions | Mechanism {
  if (sasl.mechanism === "oauthbearer") return oauthMechanism(sasl, systemClock);
  const { mechanism, username, passwordEnv, passwordFile } = sasl;
  const password = secretOf(passwordEnv, passwordFile, "sasl.password");
  // The three mechanisms share a shape that kafkajs types one by one.
  return { mechanism, username, password } as Extract<SASLOptions, { mechanism: "plain" }>;
}

type KafkaError = Error & {
  type?: string;
  code?: string;
  retriable?: boolean;
  topic?: string;
  errors?: readonly KafkaError[];
};

/** An error and what caused it, outermost first. */
function chainOf(cause: unknown): KafkaError[] {
  const chain: KafkaError[] = [];
  const walk = (error: unknown) => {
    if (!(error instanceof Error) || chain.includes(error)) return;
    chain.push(error);
    walk(error.cause);
    for (const each of (error as KafkaError).errors ?? []) walk(each);
  };
  walk(cause);
  return chain;
}

/** What the broker calls an error, such as `PRODUCER_FENCED`; undefined where it did not come from a broker. */
export const brokerErrorOf = (cause: unknown): string | undefined => chainOf(cause).find((e) => e.type)?.type;

const RIGHTS: Readonly<Record<string, string>> = {
  TOPIC_AUTHORIZATION_FAILED: "READ on a topic that is read and WRITE on one that is written",
  GROUP_AUTHORIZATION_FAILED: "READ on the group; those of readers have random names, so by prefix, and with DELETE",
  CLUSTER_AUTHORIZATION_FAILED: "WRITE on any topic, or IDEMPOTENT_WRITE on the cluster; CREATE to make topics",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "WRITE on the transactional id",
};
const NOT_TRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;
const UNREACHABLE =
  /^KafkaJS(Connection|ConnectionClosed|RequestTimeout|NoBrokerAvailable)Error$|^KafkaJS(BrokerNotFound|LockTimeout)$/;

/** A PipelineError for whatever kafkajs has thrown: what it means, and what to do. */
export function failed(where: string, cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const chain = chainOf(cause);
  const ours = chain.find((e): e is PipelineError & KafkaError => e instanceof PipelineError);
  if (ours) return ours;
  const outer = (chain[0] ?? new Error(String(cause))) as KafkaError;
  const type = chain.find((e) => e.type)?.type;
  // Several at once, of topics: their common message says nothing.
  const detail = outer.errors?.map((e) => `${e.topic ? `${e.topic}: ` : ""}${e.message}`).join("; ") ?? outer.message;

  const batch = chain.find((e): e is BatchError => e instanceof BatchError);
  if (batch)
    return new PipelineError(batch.code, where, {
      detail: batch.message,
      hint: "it may be in any partition that was fetched with this one; who writes it should make smaller batches",
    });
  if (chain.some((e) => e.name === "KafkaJSSASLAuthenticationError") || type === "SASL_AUTHENTICATION_FAILED")
    return new PipelineError("KAFKA_AUTHENTICATION", where, {
      detail,
      hint: "check sasl: mechanism, user name and the secret it names",
      cause,
    });
  if (chain.some((e) => typeof e.code === "string" && NOT_TRUSTED.test(e.code)))
    return new PipelineError("KAFKA_AUTHENTICATION", where, {
      detail,
      hint: "the broker's certificate is not one that ssl.caFile vouches for, or is for another name",
      cause,
    });
  if (type === "ILLEGAL_SASL_STATE")
    return new PipelineError("KAFKA_AUTHENTICATION", where, {
      detail,
      hint: "a login has to last for 15 s or more: look at the life of tokens and at connections.max.reauth.ms",
      retriable: true,
      cause,
    });
  const right = RIGHTS[type ?? ""];
  if (right) return new PipelineError("KAFKA_NOT_AUTHORISED", where, { detail, hint: `it takes ${right}`, cause });
  if (type === "UNKNOWN_TOPIC_OR_PARTITION")
    return new PipelineError("KAFKA_UNKNOWN_TOPIC", where, { detail, retriable: true, cause });
  if (chain.some((e) => UNREACHABLE.test(e.name)))
    return new PipelineError("KAFKA_UNREACHABLE", where, { detail, hint: hintOf(chain), retriable: true, cause });
  if (chain.some((e) => e.name === "KafkaJSGroupCoordinatorNotFound"))
    return new PipelineError("KAFKA_FAILED", where, {
      detail,
      // kafkajs drops the reason, which may also be that a broker has just started.
      hint: `every broker refused to name it; for good if the right is missing: ${RIGHTS.GROUP_AUTHORIZATION_FAILED}`,
      retriable: true,
      cause,
    });
  // kafkajs has given up on what could be tried again; we may not.
  const retriable = (outer.retriable ?? true) || outer.name === "KafkaJSNumberOfRetriesExceeded";
  return new PipelineError("KAFKA_FAILED", where, { detail, retriable, cause });
}

function hintOf(chain: readonly KafkaError[]): string {
  const text = chain.map((e) => `${e.code ?? ""} ${e.message}`).join("\n");
  if (/WRONG_VERSION_NUMBER|before secure TLS connection/.test(text)) return "does this port speak TLS, as ssl says?";
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return "no such host name";
  if (/ECONNREFUSED/.test(text)) return "nothing listens there: is the broker up, and is the port right?";
  if (/Closed connection|ECONNRESET|socket disconnected/.test(text))
    return "it closed the connection: does this port want TLS (ssl) or a login (sasl), or not?";
  return "no answer in time: a firewall, or a broker that is down or overloaded";
}
