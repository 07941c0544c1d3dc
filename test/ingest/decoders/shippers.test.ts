/**
 * Fluent Bit, Filebeat, Metricbeat and Logstash can't be installed here: payloads follow their own documentation and
 * published events (Fluent Bit's Kafka output and Kubernetes filter, ECS, Metricbeat's event structure, Logstash's Event).
 */
import { describe, expect, it } from "vitest";
import { decode, NOW } from "./rows.ts";

const S = 1_700_000_000;
const json = (...rows: object[]) => rows.map((r) => JSON.stringify(r)).join("\n");

describe("fluent-bit", () => {
  it.each([
    ["seconds", { "@timestamp": S + 0.25 }, S * 1000 + 250],
    ["ISO 8601", { "@timestamp": "2023-11-14T22:13:20.250Z" }, S * 1000 + 250],
    ["date", { date: S + 0.25 }, S * 1000 + 250],
    ["nothing", {}, NOW],
  ])("reads the time as %s", (_, time, ms) => {
    expect(decode("fluent-bit", json({ ...time, log: "a\n", hostname: "h" })).logs).toEqual([
      ["host:h", ms, 0, "a", {}, ""],
    ]);
  });

  it("names the pod, and keeps what else a line says", () => {
    const kubernetes = {
      pod_name: "p",
      namespace_name: "n",
      container_name: "c",
      host: "node",
      annotations: { big: "x".repeat(5000) },
    };
    const { logs, rejected } = decode(
      "fluent-bit",
      json({ date: S, log: "a", stream: "stdout", kubernetes, http: { status: 500, body: "y".repeat(5000) } }),
    );
    expect(rejected).toEqual([]);
    expect(logs[0]?.[0]).toBe("pod:p/n");
    expect(logs[0]?.[4]).toEqual({ stream: "stdout", "http.status": "500", "http.body": `${"y".repeat(1023)}…` });
  });

  it("takes systemd's fields, arrays of records, and numbers without text", () => {
    const journal = { "@timestamp": S, MESSAGE: "oom", PRIORITY: "3", _HOSTNAME: "h", _PID: "1" };
    const { logs, points } = decode(
      "fluent-bit",
      JSON.stringify([journal, { date: S, hostname: "h", "Mem.used": 5, ok: true }]),
    );
    expect(logs).toEqual([["host:h", S * 1000, 17, "oom", { _PID: "1" }, ""]]);
    expect(points).toEqual([["host:h gauge Mem.used ", S * 1000, 0, 5]]);
  });

  it("rejects a record that holds neither, and a time that is none", () => {
    const { rejected } = decode(
      "fluent-bit",
      json({ date: S, a: "b" }, { date: "soon", log: "x" }, { date: {}, log: "x" }),
    );
    expect(rejected.reduce((n, r) => n + r.rows, 0)).toBe(3);
  });
});

describe("filebeat", () => {
  const time = { "@timestamp": "2023-11-14T22:13:20.000Z" };
  it.each([
    [
      "nested",
      { log: { level: "error" }, service: { name: "s", node: { name: "n1" } }, trace: { id: "ab".repeat(16) } },
    ],
    [
      "with dots",
      { "log.level": "error", "service.name": "s", "service.node.name": "n1", "trace.id": "AB".repeat(16) },
    ],
  ])("reads fields %s", (_, fields) => {
    expect(decode("filebeat", json({ ...time, message: "m", ...fields })).logs).toEqual([
      ["service:s/n1", S * 1000, 17, "m", expect.any(Object), "ab".repeat(16)],
    ]);
  });

  it.each([
    [{ host: { name: "h" }, agent: { hostname: "other" } }, "host:h"],
    [{ beat: { hostname: "h6" }, offset: 5 }, "host:h6"],
    [{ kubernetes: { pod: { name: "p" }, namespace: "n" }, container: { name: "c" } }, "pod:p/n"],
    [{ container: { name: "c" }, host: { name: "h" } }, "container:c"],
    [{}, "service:web-1"],
  ])("%j is about %s", (fields, entity) => {
    expect(decode("filebeat", json({ ...time, message: "m", ...fields })).logs[0]?.[0]).toBe(entity);
  });

  it("reads Metricbeat's numbers, counters by path, set apart by what they are about", () => {
    const event = {
      ...time,
      event: { module: "system", dataset: "x", duration: 5 },
      metricset: { name: "x", period: 10 },
      host: { name: "h" },
    };
    const { points, rejected } = decode(
      "filebeat",
      json(
        { ...event, system: { cpu: { total: { pct: 0.4 }, user: { ticks: 9 } } } },
        { ...event, system: { filesystem: { mount_point: "/", used: { pct: 0.5 }, type: "ext4" } } },
        { ...event, system: { diskio: { name: "sda", read: { bytes: 3 } } } },
        {
          ...event,
          process: { name: "node", pid: 7 },
          system: { process: { memory: { size: 8 }, state: "sleeping" } },
        },
        { ...event, metricset: { name: "x", module: "nginx" }, event: {}, nginx: { stubstatus: { active: 2 } } },
      ),
    );
    expect(rejected).toEqual([]);
    expect(points.map(([series, , , v]) => `${series}${v}`)).toEqual([
      "host:h gauge system.cpu.total.pct 0.4",
      "host:h counter system.cpu.user.ticks 9",
      "host:h gauge system.filesystem.used.pct{system.filesystem.mount_point=/} 0.5",
      "host:h counter system.diskio.read.bytes{system.diskio.name=sda} 3",
      "host:h gauge system.process.memory.size{process.name=node,process.pid=7} 8",
      "host:h gauge nginx.stubstatus.active 2",
    ]);
  });

  it("rejects events without a message, a module or a number", () => {
    const { rejected } = decode(
      "filebeat",
      json(
        { ...time },
        { ...time, metricset: { name: "x" } },
        { ...time, event: { module: "m" }, metricset: {}, m: { a: "b" } },
      ),
    );
    expect(rejected.map((r) => r.code)).toEqual(["DECODE_BAD_FIELD", "DECODE_BAD_FIELD", "DECODE_BAD_FIELD"]);
  });
});

describe("logstash", () => {
  it.each([
    ["web-1", "host:web-1"],
    ["{name=web-1}", "host:web-1"],
    ['{"name":"web-1"}', "host:web-1"],
    ["%{host}", "service:web-1"],
  ])("plain lines: %s is %s", (host, entity) => {
    const { logs } = decode("logstash", `2023-11-14T22:13:20.000Z ${host} WARN slow\n`);
    expect(logs).toEqual([[entity, S * 1000, 13, "WARN slow", {}, ""]]);
  });

  it("keeps stack traces whole, and lines without a time", () => {
    const at = "2023-11-14T22:13:20.000Z";
    expect(decode("logstash", `${at} h Error: x\n\tat a\n\n\tat b\n${at} h next`).logs.map((l) => l[3])).toEqual([
      "Error: x\n\tat a\n\n\tat b",
      "next",
    ]);
    expect(decode("logstash", "no time\n  here").logs).toEqual([["service:web-1", NOW, 0, "no time\n  here", {}, ""]]);
    expect(decode("logstash", `${at} h  \n`).rejected).toMatchObject([{ code: "DECODE_BAD_FIELD" }]);
  });

  it("reads JSON with a host of either kind", () => {
    const row = { "@timestamp": "2023-11-14T22:13:20.000Z", "@version": "1", message: "m" };
    const { logs } = decode(
      "logstash",
      json({ ...row, host: "a", loglevel: "ERROR" }, { ...row, host: { hostname: "b" } }),
    );
    expect(logs.map((l) => [l[0], l[2]])).toEqual([
      ["host:a", 17],
      ["host:b", 0],
    ]);
  });
});

describe("text", () => {
  it("is a log line each, its level the first level word", () => {
    const { logs, rejected } = decode("text", "12:00 [ERROR] a\r\n\n  \nterrors b\nb\u0000\n");
    expect(logs.map((l) => [l[1], l[2], l[3]])).toEqual([
      [NOW, 17, "12:00 [ERROR] a"],
      [NOW, 0, "terrors b"],
    ]);
    expect(rejected).toMatchObject([{ code: "DECODE_BAD_FIELD", rows: 1 }]);
  });
});
