import { describe, expect, it } from "vitest";
import { parseXmlRpc } from "../../../pipelines/recover/actions/common/xml-rpc.ts";
import { supervisord } from "../../../pipelines/recover/actions/supervisord.ts";
import { checkManagedProcess } from "../managed-process.ts";
import { describeReal } from "../real.ts";
import { hasSupervisord, startSupervisord } from "../supervisord.ts";

describeReal("a program of a real supervisord", hasSupervisord, () => {
  checkManagedProcess(startSupervisord);
  it("says what it says of programs that are unknown, can't start, or need a password", async () => {
    const own = await startSupervisord();
    try {
      const other = (more: object) => supervisord({ targets: { t: { ...own.target, ...more } } }).restart!;
      expect(await other({ program: "none" }).probe("t")).toMatchObject({
        exists: false,
        detail: "unknown to supervisord, not running",
      });
      // A name is a value: nothing in it is markup or a second argument.
      const hostile = "shop</string></value></param><param><value><string>x\u0000\u0008";
      expect(await other({ program: hostile }).probe("t")).toMatchObject({ exists: false });
      const broken = other({ program: "broken" });
      const state = await broken.probe("t");
      const { testContext } = await import("../fixtures.ts");
      await expect(broken.execute("t", state, testContext())).rejects.toThrow(/fault \d+: .*(NO_FILE|SPAWN_ERROR)/);
      await expect(other({ user: undefined }).probe("t")).rejects.toThrow("status 401");
      await expect(other({ socket: "/nonexistent" }).probe("t")).rejects.toThrow("ENOENT");
    } finally {
      await own.stop();
    }
  }, 60_000);
});

describe("XML-RPC", () => {
  const body = (value: string) =>
    `<?xml version='1.0'?><methodResponse><params><param><value>${value}</value></param></params></methodResponse>`;
  it.each([
    ["<string>a &lt; b</string>", "a < b"],
    ["bare", "bare"],
    ["<i4>-3</i4>", -3],
    ["<boolean>1</boolean>", true],
    ["<nil/>", null],
    ["<array><data><value><int>1</int></value><value>x</value></data></array>", [1, "x"]],
    ["<array><data></data></array>", []],
    [
      "<struct><member><name>__proto__</name><value><int>1</int></value></member></struct>",
      JSON.parse('{"__proto__":1}'),
    ],
    [
      "<struct><member><name>a</name><value><struct><member><name>b</name><value>c</value></member></struct></value></member></struct>",
      { a: { b: "c" } },
    ],
  ])("reads %s", (text, value) =>
    expect(JSON.stringify(parseXmlRpc(body(text), "t").value)).toBe(JSON.stringify(value)),
  );
  it("reads faults, and refuses what is no answer", () => {
    const fault = body("").replace(
      "<params><param><value></value></param></params>",
      "<fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value><string>BAD_NAME: x</string></value></member></struct></value></fault>",
    );
    expect(parseXmlRpc(fault, "t").fault).toEqual({ code: 10, text: "BAD_NAME: x" });
    for (const bad of ["", "<html>", "no", "<a/>", `<methodResponse>${"<value>".repeat(500)}`])
      expect(() => parseXmlRpc(bad, "t")).toThrow("ACTION_FAILED");
  });
});
