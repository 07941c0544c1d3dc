import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, NOW } from "./rows.ts";

const S = 1_700_000_000;
const one = (line: string) => decode("influx", line);

describe("influx", () => {
  it("reads what Telegraf writes", () => {
    const { points, rejected } = one(
      `cpu,cpu=cpu0,host=web-1 usage_user=0.5,usage_idle=99i ${S}000000000\nmem,service=pay value=3u ${S}000\r\n# note\n`,
    );
    expect(rejected).toEqual([]);
    expect(points).toEqual([
      ["host:web-1 gauge cpu.usage_user{cpu=cpu0} ", S * 1000, 0, 0.5],
      ["host:web-1 gauge cpu.usage_idle{cpu=cpu0} ", S * 1000, 0, 99],
      ["service:pay gauge mem ", S * 1000, 0, 3],
    ]);
  });

  it("knows escapes, quoted strings, booleans, units of time, and lines without one", () => {
    const line = String.raw`my\ m\,x,host=h,path=a\=b\ c up=true,down=F,text="a, b=\"c\" d",v=-1e-3 `;
    const { points, rejected } = one(`${line}${S}\nm,host=h v=1 ${S}000000\nm,host=h v=2`);
    expect(rejected).toEqual([]);
    expect(points).toEqual([
      ["host:h gauge my m,x.up{path=a\\=b c} ", S * 1000, 0, 1],
      ["host:h gauge my m,x.down{path=a\\=b c} ", S * 1000, 0, 0],
      ["host:h gauge my m,x.v{path=a\\=b c} ", S * 1000, 0, -0.001],
      ["host:h gauge m.v ", S * 1000, 0, 1],
      ["host:h gauge m.v ", NOW, 0, 2],
    ]);
  });

  it.each([
    ["DECODE_BAD_FIELD", "m,host=h"],
    ["DECODE_BAD_FIELD", "m,host v=1"],
    ["DECODE_BAD_FIELD", ",host=h v=1"],
    ["DECODE_BAD_FIELD", 'm v="open'],
    ["DECODE_BAD_FIELD", "m v=1 2 3"],
    ["DECODE_BAD_FIELD", "m v=one"],
    ["DECODE_BAD_FIELD", "m v=1 soon"],
    ["VALUE_NOT_FINITE", "m v=NaN"],
    ["TIME_BEFORE_1970", "m v=1 -5"],
    ["TIME_IN_FUTURE", "m v=1 9000000000000000000"],
  ])("rejects %s: %s, and keeps its neighbours", (code, line) => {
    const { points, rejected } = one(`m v=1\n${line}\nm v=2`);
    expect(rejected.map((r) => r.code)).toEqual([code]);
    expect(points.map((p) => p[3])).toEqual([1, 2]);
  });

  it("never throws, whatever the text", () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[ab,= \\"\n\d.it-]{0,60}$/), (text) => void one(text)),
      {
        numRuns: 2000,
      },
    ));
});
