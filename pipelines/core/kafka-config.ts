/** How to reach a Kafka cluster, for every part of a config that does. */
import { z } from "zod";

/** Secrets are never written in a config: it names the environment variable or the file that holds them. */
const env = (what: string) => z.string().min(1).optional().describe(`Environment variable that holds ${what}.`);
const file = (what: string) => z.string().min(1).optional().describe(`File that holds ${what}.`);
const oneOf = (value: object, names: readonly string[]) =>
  names.filter((n) => (value as Record<string, unknown>)[n] !== undefined).length === 1;

const tls = z.strictObject({
  caFile: file("the certificates to trust, PEM; without it those of Node"),
  certFile: file("our certificate, PEM, where the broker asks for one"),
  keyFile: file("the key of our certificate, PEM"),
  keyPasswordEnv: env("the password of that key"),
  serverName: z.string().min(1).optional().describe("Name in the broker's certificate, where it isn't its address."),
  rejectUnauthorized: z.boolean().default(true).describe("false trusts anybody who answers: for trying things only."),
});

const password = z
  .strictObject({
    mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]),
    username: z.string().min(1),
    passwordEnv: env("the password"),
    passwordFile: file("the password"),
  })
  .refine((v) => oneOf(v, ["passwordEnv", "passwordFile"]), "give either passwordEnv or passwordFile");

const oauth = z
  .strictObject({
    mechanism: z.literal("oauthbearer"),
    tokenUrl: z
      .url()
      .regex(/^https:|^http:\/\/(127\.|localhost[:/]|\[::1\])/, "a secret goes there: https, except on this machine")
      .optional()
      .describe("Endpoint of the client-credentials grant."),
    clientId: z.string().min(1).optional(),
    clientSecretEnv: env("the client's secret"),
    clientSecretFile: file("the client's secret"),
    scope: z.string().min(1).optional(),
    audience: z.string().min(1).optional(),
    extensions: z
      .record(z.string().regex(/^[A-Za-z]+$/), z.string().regex(/^[\x20-\x7e]+$/))
      .refine((v) => !("auth" in v), "auth is the token itself")
      .optional()
      .describe("What some brokers want to be told with the token."),
    tokenFile: file("a token that somebody else keeps fresh; read anew at each login"),
    tokenEnv: env("a token"),
  })
  .refine((v) => oneOf(v, ["tokenUrl", "tokenFile", "tokenEnv"]), "give one of tokenUrl, tokenFile and tokenEnv")
  .refine(
    (v) => !v.tokenUrl || (v.clientId !== undefined && oneOf(v, ["clientSecretEnv", "clientSecretFile"])),
    "tokenUrl needs clientId and either clientSecretEnv or clientSecretFile",
  );

export const kafkaConnection = z.strictObject({
  brokers: z.array(z.string().regex(/^.+:\d+$/, "write a broker as host:port")).min(1),
  clientId: z.string().min(1).optional().describe("As the broker's logs and quotas call us."),
  ssl: z.union([z.boolean(), tls]).optional(),
  sasl: z.discriminatedUnion("mechanism", [password, oauth]).optional(),
  compression: z
    .enum(["none", "gzip", "snappy", "lz4", "zstd"])
    .default("lz4")
    .describe("Of what we write; all are read."),
});

/** Also what code gives by hand: everything but the brokers has a default. */
export type KafkaConnection = z.input<typeof kafkaConnection>;
