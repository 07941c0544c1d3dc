import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, type Admin, ResourcePatternTypes } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manualClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { KafkaConnection } from "../../../pipelines/core/kafka-config.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { tokenProvider } from "../../../pipelines/runtime/kafka/kafkajs/oauth.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { type Certificates, makeCertificates } from "../../broker/certificates.ts";

const SECRET = "correct horse battery staple";

/** Gives unsigned tokens for `alice`, or what `answer` says. */
async function tokenEndpoint() {
  const state = {
    asked: [] as { authorization: string; body: string }[],
    lifeSeconds: 300,
    answer: undefined as undefined | [number, string],
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const server: Server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    state.asked.push({ authorization: request.headers.authorization ?? "", body });
    const iat = Math.floor(Date.now() / 1000);
    const token = `${part({ alg: "none" })}.${part({ sub: "alice", iat, exp: iat + state.lifeSeconds })}.`;
    const [status, text] = state.answer ?? [
      200,
      JSON.stringify({ access_token: token, expires_in: state.lifeSeconds, token_type: "Bearer" }),
    ];
    response.writeHead(status, { "content-type": "application/json" }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/token`;
  return Object.assign(state, { url, close: () => new Promise<void>((resolve) => void server.close(() => resolve())) });
}
type Endpoint = Awaited<ReturnType<typeof tokenEndpoint>>;

describe("what a config may say of a connection", () => {
  const sasl = (text: string) => `sasl: {${text}}`;
  const parse = (text: string) => {
    const source = `{kind: kafka, brokers: ["b:1"], topics: [{name: t, format: jsonl}], ${text}}`;
    return parseConfig(`sources: [${source}]`).sources[0];
  };

  it.each([
    ["ssl: true", { ssl: true, compression: "lz4" }],
    [
      "ssl: {caFile: ca.pem, certFile: c.pem, keyFile: k.pem}, compression: zstd",
      { ssl: { caFile: "ca.pem", rejectUnauthorized: true }, compression: "zstd" },
    ],
    [sasl("mechanism: scram-sha-256, username: u, passwordFile: f"), { sasl: { passwordFile: "f" } }],
    [sasl("mechanism: oauthbearer, tokenFile: f"), { sasl: { tokenFile: "f" } }],
    [
      sasl("mechanism: oauthbearer, tokenUrl: 'https://a/t', clientId: c, clientSecretEnv: S, scope: s"),
      { sasl: { scope: "s" } },
    ],
    [
      sasl("mechanism: oauthbearer, tokenUrl: 'http://localhost:1/t', clientId: c, clientSecretEnv: S"),
      { sasl: { clientId: "c" } },
    ],
  ])("%s", (text, expected) => {
    expect(parse(text)).toMatchObject(expected);
  });

  it.each([
    [sasl("mechanism: plain, username: u"), /sasl.*passwordEnv or passwordFile/],
    [sasl("mechanism: plain, username: u, passwordEnv: A, passwordFile: B"), /passwordEnv or passwordFile/],
    [sasl("mechanism: plain, username: u, password: visible"), /Unrecognized key: "password"/],
    [sasl("mechanism: oauthbearer"), /one of tokenUrl, tokenFile and tokenEnv/],
    [sasl("mechanism: oauthbearer, tokenUrl: 'https://a/t', clientId: c"), /tokenUrl needs clientId and either/],
    [
      sasl("mechanism: oauthbearer, tokenUrl: 'http://a/t', clientId: c, clientSecretEnv: S"),
      /https, except on this machine/,
    ],
    [sasl("mechanism: kerberos"), /sasl.mechanism/],
    ["compression: brotli", /compression/],
  ])("and not %s", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  it.each<[string, Partial<KafkaConnection>, RegExp]>([
    [
      "a variable",
      { sasl: { mechanism: "plain", username: "u", passwordEnv: "NO_SUCH_VARIABLE" } },
      /sasl.passwordEnv.*NO_SUCH_VARIABLE is not set/,
    ],
    [
      "a file",
      { sasl: { mechanism: "plain", username: "u", passwordFile: "/no/such" } },
      /sasl.passwordFile.*\/no\/such/,
    ],
    ["a certificate", { ssl: { caFile: "/no/ca" } }, /ssl.caFile.*\/no\/ca/],
  ])("names %s that isn't there", (_, rest, message) => {
    expect(() => kafkaClient({ brokers: ["b:1"], ...rest })).toThrow(message);
  });
});

describe("bearer tokens", () => {
  let endpoint: Endpoint;
  const oauth = () => ({
    mechanism: "oauthbearer" as const,
    tokenUrl: endpoint.url,
    clientId: "a b",
    clientSecretEnv: "FW_TEST_SECRET",
    scope: "kafka x",
  });
  beforeAll(async () => {
    endpoint = await tokenEndpoint();
    process.env.FW_TEST_SECRET = "p:+s";
  });
  afterAll(() => endpoint.close());

  it("are asked for once for all that want one, and anew before they expire", async () => {
    const clock = manualClock(0);
    const provide = tokenProvider(oauth(), clock);
    const all = await Promise.all([provide(), provide(), provide()]);
    expect(new Set(all.map((t) => t.value)).size).toBe(1);
    expect(endpoint.asked).toEqual([
      {
        authorization: `Basic ${Buffer.from("a+b:p%3A%2Bs").toString("base64")}`,
        body: "grant_type=client_credentials&scope=kafka+x",
      },
    ]);
    clock.set(239_000);
    await provide();
    expect(endpoint.asked).toHaveLength(1);
    clock.set(240_000); // 80 % of 300 s
    await provide();
    expect(endpoint.asked).toHaveLength(2);
  });

  it.each<[string, [number, string], RegExp, boolean]>([
    [
      "a refusal",
      [401, '{"error":"invalid_client","error_description":"who?"}'],
      /no token: status 401 invalid_client: who\?/,
      false,
    ],
    ["trouble of its own", [503, "<html>"], /no token: status 503/, true],
    ["no token", [200, "{}"], /holds no access_token/, false],
    ["far too much", [200, " ".repeat(300_000)], /longer than 262144 bytes/, true],
  ])("that end in %s are an error that says so", async (_, answer, message, retriable) => {
    endpoint.answer = answer;
    const error = await tokenProvider(oauth(), manualClock(0))().catch((e) => e);
    expect(error).toMatchObject({ code: "KAFKA_AUTHENTICATION", message: expect.stringMatching(message), retriable });
    expect(error.message).not.toContain("p:+s");
    endpoint.answer = undefined;
  });

  it("of files and variables are read at each login", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "faultwright-token-")), "token");
    const [fromFile, fromEnv] = [
      tokenProvider({ mechanism: "oauthbearer", tokenFile: file }, manualClock(0)),
      tokenProvider({ mechanism: "oauthbearer", tokenEnv: "FW_TEST_TOKEN" }, manualClock(0)),
    ];
    for (const token of ["one", "two"]) {
      writeFileSync(file, `${token}\n`);
      process.env.FW_TEST_TOKEN = token;
      expect([await fromFile(), await fromEnv()]).toEqual([{ value: token }, { value: token }]);
    }
    rmSync(join(file, ".."), { recursive: true });
    await expect(fromFile()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});

describe.skipIf(skipWithoutBroker())("a broker that asks who we are", () => {
  let broker: Broker;
  let endpoint: Endpoint;
  let admin: Admin;
  let dir: string;
  let pem: Certificates;
  const password = (
    mechanism: "plain" | "scram-sha-256" | "scram-sha-512",
    username = "alice",
    passwordEnv = "FW_TEST_PASSWORD",
  ) => ({ mechanism, username, passwordEnv });
  const connection = (listener: string, rest: Partial<KafkaConnection> = {}): KafkaConnection => ({
    brokers: [broker.at(listener)],
    ssl: { caFile: pem.ca },
    ...rest,
  });
  const oauth = () => ({
    mechanism: "oauthbearer" as const,
    tokenUrl: endpoint.url,
    clientId: "c",
    clientSecretEnv: "FW_TEST_SECRET",
  });
  /** Writes a record and reads it back. */
  const through = async (of: KafkaConnection) => {
    const transport = kafkajsTransport(of);
    try {
      const before = (await transport.offsets("open")).get(0)!.high;
      await transport.produce("open", [{ value: Buffer.from("x"), partition: 0 }]);
      const reader = await transport.reader(["open"]);
      return (await reader.take("open", 0, before, 1000, 10_000)).records.length;
    } finally {
      await transport.close();
    }
  };
  const offsets = async (of: KafkaConnection, topic = "open") => {
    const transport = kafkajsTransport(of);
    return transport.offsets(topic).finally(() => transport.close());
  };

  beforeAll(async () => {
    Object.assign(process.env, { FW_TEST_PASSWORD: SECRET, FW_TEST_WRONG: "wrong", FW_TEST_SECRET: "s" });
    dir = mkdtempSync(join(tmpdir(), "faultwright-security-"));
    pem = makeCertificates(dir, SECRET);
    endpoint = await tokenEndpoint();
    const login = (mechanism: string, module: string, options = "") =>
      `listener.name.login.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${module} required ${options};`;
    const scram = (mechanism: string) => [
      "--add-scram",
      `${mechanism}=[name=alice,iterations=4096,password=${SECRET}]`,
    ];
    broker = await startBroker(
      [
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        login("plain", "plain.PlainLoginModule", `user_alice="${SECRET}" user_bob="${SECRET}"`),
        login("scram-sha-256", "scram.ScramLoginModule"),
        login("scram-sha-512", "scram.ScramLoginModule"),
        login("oauthbearer", "oauthbearer.OAuthBearerLoginModule", 'unsecuredLoginStringClaim_sub="broker"'),
        "connections.max.reauth.ms=60000",
        "ssl.keystore.type=PEM",
        `ssl.keystore.location=${pem.server}`,
        "ssl.truststore.type=PEM",
        `ssl.truststore.location=${pem.ca}`,
        "listener.name.mutual.ssl.client.auth=required",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS;User:CN=faultwright",
      ],
      {
        listeners: { TLS: "SSL", MUTUAL: "SSL", LOGIN: "SASL_SSL" },
        format: [...scram("SCRAM-SHA-256"), ...scram("SCRAM-SHA-512")],
      },
    );
    admin = kafkaClient({ brokers: [broker.bootstrap] }).admin();
    await admin.connect();
    await admin.createTopics({ topics: ["open", "shown", "hidden"].map((topic) => ({ topic, numPartitions: 1 })) });
    const allow = (
      principal: string,
      resourceType: AclResourceTypes,
      resourceName: string,
      operation: AclOperationTypes,
    ) => ({
      ...{ principal: `User:${principal}`, host: "*", permissionType: AclPermissionTypes.ALLOW },
      ...{
        resourceType,
        resourceName,
        operation,
        resourcePatternType:
          resourceType === AclResourceTypes.GROUP ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
      },
    });
    const { TOPIC, GROUP } = AclResourceTypes;
    const { READ, WRITE, DESCRIBE, DELETE } = AclOperationTypes;
    await admin.createAcls({
      acl: [
        ...[READ, WRITE].map((o) => allow("alice", TOPIC, "open", o)),
        allow("alice", TOPIC, "shown", DESCRIBE),
        ...[READ, DELETE].map((o) => allow("alice", GROUP, "faultwright-reader-", o)),
        ...[READ, DESCRIBE].map((o) => allow("bob", TOPIC, "open", o)),
        allow("bob", TOPIC, "shown", WRITE),
      ],
    });
  }, 180_000);
  afterAll(async () => {
    await admin?.disconnect();
    await endpoint?.close();
    await broker?.stop();
    if (dir) rmSync(dir, { recursive: true });
  });

  it.each<[string, () => KafkaConnection]>([
    ["TLS", () => connection("TLS")],
    [
      "TLS by another name of the same certificate",
      () => connection("TLS", { ssl: { caFile: pem.ca, serverName: "localhost" } }),
    ],
    ["TLS without asking who it is", () => connection("TLS", { ssl: { rejectUnauthorized: false } })],
    [
      "mutual TLS",
      () =>
        connection("MUTUAL", {
          ssl: { caFile: pem.ca, certFile: pem.clientCert, keyFile: pem.clientKey, keyPasswordEnv: "FW_TEST_PASSWORD" },
        }),
    ],
    ["PLAIN", () => connection("LOGIN", { sasl: password("plain") })],
    ["SCRAM-SHA-256", () => connection("LOGIN", { sasl: password("scram-sha-256") })],
    ["SCRAM-SHA-512", () => connection("LOGIN", { sasl: password("scram-sha-512") })],
    ["OAUTHBEARER", () => connection("LOGIN", { sasl: oauth() })],
  ])("lets us write and read over %s", async (_, of) => {
    expect(await through(of())).toBe(1);
  });

  it("hears from us again before a login expires", async () => {
    endpoint.lifeSeconds = 13; // kafkajs logs in again 10 s before the end
    const transport = kafkajsTransport(connection("LOGIN", { sasl: oauth() }));
    const before = (await transport.offsets("open")).get(0)!.high;
    const reader = await transport.reader(["open"]);
    const askedBefore = endpoint.asked.length;
    const until = Date.now() + 7000;
    let [written, offset, read] = [0, before, 0];
    while (Date.now() < until || read < written) {
      if (Date.now() < until) {
        await transport.produce("open", [{ value: Buffer.from("x"), partition: 0 }]);
        written += 1;
      }
      const got = await reader.take("open", 0, offset, 1000, 200);
      read += got.records.length;
      offset = got.nextOffset;
    }
    expect([read, endpoint.asked.length >= askedBefore + 2]).toEqual([written, true]);
    await transport.close();
    endpoint.lifeSeconds = 300;
  }, 60_000);

  it.concurrent.each<[string, () => Promise<unknown>, string, RegExp]>([
    [
      "a wrong password, PLAIN",
      () => offsets(connection("LOGIN", { sasl: password("plain", "alice", "FW_TEST_WRONG") })),
      "KAFKA_AUTHENTICATION",
      /PLAIN.*check sasl/,
    ],
    [
      "a wrong password, SCRAM",
      () => offsets(connection("LOGIN", { sasl: password("scram-sha-512", "alice", "FW_TEST_WRONG") })),
      "KAFKA_AUTHENTICATION",
      /SCRAM.*check sasl/,
    ],
    [
      "an unknown user",
      () => offsets(connection("LOGIN", { sasl: password("scram-sha-256", "eve") })),
      "KAFKA_AUTHENTICATION",
      /SCRAM.*check sasl/,
    ],
    [
      "a token it does not like",
      () => {
        process.env.FW_TEST_TOKEN = "nonsense";
        return offsets(connection("LOGIN", { sasl: { mechanism: "oauthbearer", tokenEnv: "FW_TEST_TOKEN" } }));
      },
      "KAFKA_AUTHENTICATION",
      /OAUTHBEARER.*invalid_token/,
    ],
    [
      "a certificate that we have no reason to trust",
      () => offsets(connection("TLS", { ssl: true })),
      "KAFKA_AUTHENTICATION",
      /self-signed|unable to verify.*caFile/,
    ],
    [
      "a certificate for another name",
      () => offsets(connection("TLS", { ssl: { caFile: pem.ca, serverName: "elsewhere" } })),
      "KAFKA_AUTHENTICATION",
      /elsewhere.*another name/,
    ],
    ["no certificate of ours", () => offsets(connection("MUTUAL")), "KAFKA_AUTHENTICATION", /certificate/],
    ["no TLS where it is wanted", () => offsets({ brokers: [broker.at("TLS")] }), "KAFKA_UNREACHABLE", /want TLS/],
    ["no login where one is wanted", () => offsets(connection("LOGIN")), "KAFKA_UNREACHABLE", /or a login/],
    [
      "TLS where there is none",
      () => offsets(connection("PLAINTEXT")),
      "KAFKA_UNREACHABLE",
      /does this port speak TLS/,
    ],
    ["nobody there", () => offsets({ brokers: ["127.0.0.1:1"] }), "KAFKA_UNREACHABLE", /nothing listens there/],
    [
      "no right to see a topic",
      () => offsets(connection("LOGIN", { sasl: password("plain") }), "hidden"),
      "KAFKA_UNKNOWN_TOPIC",
      /there are open, shown, as far as we may see/,
    ],
  ])(
    "tells %s",
    async (_, work, code, message) => {
      const error = (await work().catch((e) => e)) as Error;
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(error.message).not.toContain(SECRET);
    },
    60_000,
  );

  it("tells which right we lack: to write, to read, to use the group", async () => {
    const [alice, bob] = ["alice", "bob"].map((u) =>
      kafkajsTransport(connection("LOGIN", { sasl: password("plain", u) })),
    );
    const refused = (text: RegExp) => ({
      code: "KAFKA_NOT_AUTHORISED",
      message: expect.stringMatching(text),
      retriable: false,
    });
    const one = [{ value: Buffer.from("x"), partition: 0 }];
    await expect(bob!.produce("open", one)).rejects.toMatchObject(refused(/topic/i));
    await expect(bob!.reader(["open"])).rejects.toThrow(/KAFKA_FAILED .*find group coordinator.*READ on the group/);
    const reader = await alice!.reader(["shown"]);
    await expect(reader.take("shown", 0, 0n, 1000, 10_000)).rejects.toMatchObject(refused(/topic/i));
    for (const t of [alice, bob]) await t!.close();
  }, 60_000);
});
