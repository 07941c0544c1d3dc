import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { manualClock } from "../../../pipelines/core/clock.ts";
import { configSchema, parseConfig } from "../../../pipelines/core/config.ts";
import { receiversOf } from "../../../pipelines/report/outbox/receivers.ts";
import { sinks } from "../../../pipelines/report/sinks/index.ts";
import type { Outgoing } from "../../../pipelines/report/sinks/sink.ts";
import { notification, receiver, START_MS } from "../outbox/fixture.ts";

const out = (number = 1, more: Partial<Outgoing> = {}, about = {}): Outgoing => ({
  notification: notification("I-1", number, about),
  ...{ key: `faultwright/shop/I-1/${number}`, repeated: false, url: "https://fw.example/incidents/I-1" },
  ...more,
});

describe("receivers over HTTP", () => {
  let server: Awaited<ReturnType<typeof receiver>>;
  beforeAll(async () => {
    server = await receiver();
  });
  afterAll(() => server.close());
  afterEach(() => {
    server.asked.length = 0;
    server.answer = () => ({ status: 202 });
  });

  it("webhook: signs as Standard Webhooks has it, and keeps its key over tries", async () => {
    const secret = `whsec_${Buffer.from("a secret of ours").toString("base64")}`;
    const sink = await sinks.webhook({ url: server.url, clock: manualClock(START_MS), token: "t", secret });
    let first = true;
    server.answer = () => {
      const status = first ? 503 : 200;
      first = false;
      return { status };
    };
    await sink.write([out()]);
    expect(server.asked).toHaveLength(2);
    for (const { headers, body } of server.asked) {
      const seconds = String(START_MS / 1000);
      const signed = createHmac("sha256", "a secret of ours").update(`faultwright/shop/I-1/1.${seconds}.${body}`);
      expect(headers).toMatchObject({
        ...{ "idempotency-key": "faultwright/shop/I-1/1", "webhook-timestamp": seconds, authorization: "Bearer t" },
        "webhook-signature": `v1,${signed.digest("base64")}`,
      });
      expect(JSON.parse(body).notification.id).toBe("I-1/1");
    }
  });

  it("slack: escapes what would be markup, says what may be a repeat", async () => {
    const sink = await sinks.slack({ url: server.url });
    await sink.write([out(1, { repeated: true })]);
    const { text } = JSON.parse(server.asked[0]!.body);
    expect(text).toBe(
      "*[critical] shop: orders &lt;1&gt;*\n16 times the usual &amp; more\n<https://fw.example/incidents/I-1|incident I-1>\n_(this may be a repeat)_",
    );
  });

  it("pagerduty: one dedup key for all events of an incident, and the event that each is", async () => {
    const sink = await sinks.pagerduty({ url: `${server.url}/v2/enqueue`, routingKey: "R" });
    await sink.write([out(1), out(2, {}, { kind: "acknowledged" }), out(3, {}, { kind: "resolved" })]);
    const bodies = server.asked.map((a) => JSON.parse(a.body));
    expect(bodies.map((b) => b.event_action)).toEqual(["trigger", "acknowledge", "resolve"]);
    expect(new Set(bodies.map((b) => b.dedup_key))).toEqual(new Set(["faultwright/shop/I-1"]));
    expect(bodies[0].payload).toMatchObject({
      source: "orders",
      severity: "critical",
      timestamp: "2025-10-09T08:53:20.000Z",
    });
  });

  it.each([
    [400, false],
    [429, true],
    [500, true],
  ])("a status %i may be tried again: %s", async (status, retriable) => {
    const own = await receiver(); // circuits are a destination's: one each
    own.answer = () => ({ status, headers: { "retry-after": "7" } });
    const sink = await sinks.pagerduty({ url: own.url, routingKey: "R" });
    const error = await sink.write([out()]).catch((e) => e);
    expect(error).toMatchObject({ code: "SINK_FAILED", status, retriable, retryAfterMs: 7000 });
    expect(own.asked).toHaveLength(retriable ? 3 : 1);
    await own.close();
  });

  it("alertmanager: the same labels from firing to resolved", async () => {
    const sink = await sinks.alertmanager({ url: `${server.url}/`, labels: { team: "shop" } });
    await sink.write([out(1)]);
    const endMs = START_MS + 60_000;
    await sink.write([out(2, {}, { kind: "resolved", state: "resolved", severity: "major", timeMs: endMs })]);
    const [firing, over] = server.asked.map((a) => JSON.parse(a.body)[0]);
    expect(server.asked[0]!.path).toBe("/api/v2/alerts");
    expect(over.labels).toEqual(firing.labels);
    expect(Date.parse(firing.endsAt)).toBeGreaterThan(START_MS + 86_400_000);
    expect(Date.parse(over.endsAt)).toBe(endMs);
  });
});

describe("email", () => {
  const mails: { to: string[]; text: string }[] = [];
  let say: Error | undefined;
  const server = new SMTPServer({
    ...{ authOptional: true, disabledCommands: ["STARTTLS"], logger: false },
    onData(stream, session, done) {
      let text = "";
      stream.on("data", (d) => {
        text += d;
      });
      stream.on("end", () => {
        if (!say) mails.push({ to: session.envelope.rcptTo.map((r) => r.address), text });
        done(say as never);
      });
    },
  });
  const listening = server.listen(0, "127.0.0.1");
  const options = () => ({
    ...{ host: "127.0.0.1", port: (listening.address() as AddressInfo).port, tls: "never" as const },
    ...{ from: "fw@shop.example", to: ["a@shop.example", "b@shop.example"] },
  });
  afterAll(() => new Promise<void>((done) => server.close(done)));

  it("goes to all by SMTP as one thread, and a line break in a name adds no header", async () => {
    const sink = await sinks.email(options());
    await sink.write([out(1), out(2, {}, { summary: "bad\r\nBcc: all@example.org" })]);
    await sink.close();
    expect(mails.map((m) => m.to)).toEqual([options().to, options().to]);
    expect(mails[0]!.text).toMatch(/^Message-ID: <faultwright\.shop\.I-1\.1@shop\.example>/im);
    expect(mails[1]!.text).toMatch(/^References: <faultwright\.shop\.I-1\.1@shop\.example>/im);
    expect(mails[1]!.text.split("\r\n\r\n")[0]).not.toMatch(/^Bcc/im);
  });

  it.each([
    [451, true],
    [550, false],
  ])("an answer %i may be tried again: %s", async (responseCode, retriable) => {
    say = Object.assign(new Error("no"), { responseCode });
    const sink = await sinks.email({ ...options(), host: retriable ? "127.0.0.1" : "localhost" });
    await expect(sink.write([out()])).rejects.toMatchObject({ code: "SINK_FAILED", retriable });
    await sink.close();
    say = undefined;
  });

  it("refuses a server without STARTTLS unless told otherwise", async () => {
    const sink = await sinks.email({ ...options(), tls: "starttls" });
    await expect(sink.write([out()])).rejects.toMatchObject({ code: "SINK_FAILED" });
    await sink.close();
  });
});

describe("a file", () => {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-file-"));
  afterAll(() => rmSync(dir, { recursive: true }));

  it("has a line once, also after a crash that cut one off", async () => {
    const path = join(dir, "told.jsonl");
    const sink = await sinks.file({ path });
    await sink.write([out(1)]);
    await sink.write([out(1, { repeated: true }), out(2)]);
    await sink.close();
    writeFileSync(path, `${readFileSync(path, "utf8")}{"key":"faultwright/shop/I-1/3","not`);
    const again = await sinks.file({ path });
    await again.write([out(4, { repeated: true })]);
    await again.close();
    const keys = readFileSync(path, "utf8")
      .split("\n")
      .filter((l) => l.endsWith("}"))
      .map((l) => JSON.parse(l).key.at(-1));
    expect(keys).toEqual(["1", "2", "4"]);
  });
});

describe("the config of receivers", () => {
  const faults = (notify: unknown) => configSchema.safeParse({ notify }).error?.issues.map((i) => i.path.join("."));

  it.each([
    [
      "two of one name",
      {
        receivers: [
          { kind: "file", path: "a" },
          { kind: "file", path: "b" },
        ],
      },
      ["notify.receivers"],
    ],
    ["an unknown kind", { receivers: [{ kind: "fax" }] }, ["notify.receivers.0.kind"]],
    ["an address that is none", { receivers: [{ kind: "webhook", url: "ftp://x" }] }, ["notify.receivers.0.url"]],
    [
      "nobody to mail to",
      { receivers: [{ kind: "email", host: "h", from: "a@b.example", to: [] }] },
      ["notify.receivers.0.to"],
    ],
  ])("refuses %s", (_, notify, paths) => expect(faults(notify)).toEqual(paths));

  it("names the environment variable that is missing, and sends nobody what he did not ask for", async () => {
    const { notify } = parseConfig(
      "notify: {receivers: [{kind: slack, urlEnv: FW_TEST_SLACK, minSeverity: major, ignoreLabels: [drill]}]}",
    );
    await expect(receiversOf(notify.receivers, manualClock())).rejects.toThrow(/FW_TEST_SLACK/);
    process.env.FW_TEST_SLACK = "http://127.0.0.1:1/secret";
    const [slack] = await receiversOf(notify.receivers, manualClock());
    delete process.env.FW_TEST_SLACK;
    expect(slack!.wants(notification("i", 1))).toBe(true);
    expect(slack!.wants(notification("i", 1, { severity: "minor" }))).toBe(false);
    expect(slack!.wants(notification("i", 1, { labels: ["drill"] }))).toBe(false);
    expect(slack!.wants(notification("i", 2, { kind: "diagnosed" }))).toBe(false);
    const error = await slack!.sink.write([out()]).catch((e: Error) => e);
    expect(String(error)).not.toContain("secret");
  });
});
