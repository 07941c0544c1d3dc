import { describe, expect, it } from "vitest";
import { parseMounts } from "../../../pipelines/ingest/agent/filesystems.ts";
import * as procfs from "../../../pipelines/ingest/agent/procfs.ts";

describe("parseStat", () => {
  it("reads ticks and boot time, guest time not counted twice", () => {
    const got = procfs.parseStat("cpu  10 1 5 100 4 2 3 6 7 8\ncpu0 1 1 1 1\nbtime 1700000000\n");
    expect(got?.cpu).toEqual({
      user: 10,
      nice: 1,
      system: 5,
      idle: 100,
      iowait: 4,
      irq: 2,
      softirq: 3,
      steal: 6,
      total: 131,
    });
    expect(got?.bootMs).toBe(1_700_000_000_000);
  });

  it("reads an old kernel's shorter line and refuses other text", () => {
    expect(procfs.parseStat("cpu 1 2 3 4\n")).toMatchObject({ cpu: { total: 10, steal: 0 }, bootMs: undefined });
    expect(procfs.parseStat("")).toBeUndefined();
  });
});

describe("parsePidStat", () => {
  const tail = "7 7 0 -1 4194304 99 0 0 0 30 12 0 0 20 0 4 0 759723 3133440 407 18446744073709551615 0 0 0";
  it.each([
    ["cat", "R"],
    ["a b", "S"],
    ["evil) S (x", "T"],
    ["((", "D"],
    ["", "Z"],
  ])("reads the process named %j in state %s", (comm, state) => {
    expect(procfs.parsePidStat(`42 (${comm}) ${state} 1 ${tail}`)).toEqual({
      pid: 42,
      comm,
      state,
      ticks: 42,
      threads: 4,
      startTicks: 759723,
      rssPages: 407,
    });
  });

  it.each(["", "42 cat R", "42 (cat) R 1 2", ")("])("refuses %j", (text) => {
    expect(procfs.parsePidStat(text)).toBeUndefined();
  });
});

describe("parseDiskstats", () => {
  const row = (name: string, n = 9): string => `   8 0 ${name} ${n} 0 20 0 ${n} 0 40 0 0 1500 0 0 0 0 0`;
  it.each([
    [["sda", "sda1", "sda10"], ["sda"]],
    [
      ["nvme0n1", "nvme0n1p1", "nvme1n1"],
      ["nvme0n1", "nvme1n1"],
    ],
    [
      ["dm-1", "dm-10", "md0"],
      ["dm-1", "dm-10", "md0"],
    ],
    [["loop0", "ram1", "zram0", "sr0", "vda"], ["vda"]],
    // A lone partition, as inside some machines, is all there is to tell.
    [["xvda1"], ["xvda1"]],
  ])("keeps of %j %j", (names, kept) => {
    expect(procfs.parseDiskstats(names.map((name) => row(name)).join("\n")).map((d) => d.device)).toEqual(kept);
  });

  it("reads counters and leaves out disks never used", () => {
    expect(procfs.parseDiskstats(`${row("vda")}\n${row("vdb", 0)}\nshort line\n`)).toEqual([
      { device: "vda", reads: 9, readBytes: 10_240, writes: 9, writeBytes: 20_480, ioMs: 1500 },
    ]);
  });
});

describe("the small parsers", () => {
  it("reads network devices", () => {
    const text = [
      "Inter-|   Receive  |  Transmit",
      " face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed",
      "    lo: 3193 29 0 0 0 0 0 0 3193 29 0 0 0 0 0 0",
      "  eth0:1000 10 1 0 0 0 0 0 2000 20 2 0 0 0 0 0",
      "  ifb0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
      "vethab: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0",
    ].join("\n");
    expect(procfs.parseNetDev(text)).toEqual([
      {
        device: "eth0",
        receive: { bytes: 1000, packets: 10, errors: 1 },
        transmit: { bytes: 2000, packets: 20, errors: 2 },
      },
    ]);
  });

  it("reads pressure, with and without a full line", () => {
    const some = "some avg10=5.00 avg60=4.70 avg300=2.32 total=31105952";
    expect(procfs.parsePressure(`${some}\n`)).toEqual([{ kind: "some", avg10: 0.05, totalS: 31.105952 }]);
    expect(procfs.parsePressure(`${some}\n${some.replace("some", "full")}`)).toHaveLength(2);
    expect(procfs.parsePressure("")).toEqual([]);
  });

  it("reads memory in bytes, paging counters and the load", () => {
    const mem = procfs.parseMeminfo("MemTotal:  100 kB\nActive(anon):  5 kB\nHugePages_Total:   3\n");
    expect([...mem]).toEqual([
      ["MemTotal", 102_400],
      ["Active(anon)", 5120],
      ["HugePages_Total", 3],
    ]);
    expect([...procfs.parseVmstat("nr_free 1\npswpin 2\npgfault 3\n")]).toEqual([
      ["pswpin", 2],
      ["pgfault", 3],
    ]);
    expect(procfs.parseLoadavg("0.52 0.58 0.59 1/97 1234\n")).toBe(0.52);
    expect(procfs.parseLoadavg("")).toBeNaN();
  });

  it("reads page size and tick rate, or falls back", () => {
    const auxv = Buffer.alloc(48);
    for (const [i, n] of [6n, 16384n, 17n, 250n, 0n, 0n].entries()) auxv.writeBigUInt64LE(n, i * 8);
    expect(procfs.parseAuxv(auxv)).toEqual({ pageSize: 16384, ticksPerS: 250 });
    expect(procfs.parseAuxv(Buffer.from("odd"))).toEqual({ pageSize: 4096, ticksPerS: 100 });
  });

  it("keeps real file systems, each device once, local ones first", () => {
    const text = [
      "proc /proc proc rw 0 0",
      "srv:/x /net nfs4 rw 0 0",
      "/dev/vda / ext4 rw 0 0",
      "/dev/vda /bind ext4 rw 0 0",
      "/dev/vdb /my\\040disk xfs rw 0 0",
      "/dev/loop3 /snap/x ext4 ro 0 0",
      "overlay /var/lib/docker/x overlay rw 0 0",
      "tmpfs /tmp tmpfs rw 0 0",
      "",
    ].join("\n");
    expect(parseMounts(text).map((m) => m.mountpoint)).toEqual(["/", "/my disk", "/net"]);
  });
});
