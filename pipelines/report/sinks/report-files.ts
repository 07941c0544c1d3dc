import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Report, renderReport } from "../report.ts";
import type { ReportInput } from "../view.ts";
import type { Sink } from "./sink.ts";

/** A file name that can't leave its directory, whatever the id. */
const fileName = (id: string): string => id.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 100) || "_";

const KINDS = ["html", "md", "json"] as const;

/** Writes `<incident>.html`, `.md` and `.json`, each whole or not at all: a newer report replaces the older one. */
export async function reportFiles({
  dir,
}: {
  dir: string;
}): Promise<Sink<ReportInput> & { remove(incidentIds: readonly string[]): Promise<void> }> {
  await mkdir(dir, { recursive: true });
  const put = async (name: string, text: string) => {
    await writeFile(join(dir, `${name}.tmp`), text);
    await rename(join(dir, `${name}.tmp`), join(dir, name));
  };
  return {
    name: "report-files",
    async write(batch) {
      for (const input of batch) {
        const name = fileName(input.incident.id);
        const report: Report = await renderReport(input);
        await put(`${name}.html`, report.html);
        await put(`${name}.md`, report.markdown);
        await put(`${name}.json`, `${JSON.stringify(report.json, null, 2)}\n`);
      }
    },
    /** Reports of incidents that are no longer kept. */
    async remove(incidentIds) {
      for (const id of incidentIds)
        for (const kind of KINDS) await rm(join(dir, `${fileName(id)}.${kind}`), { force: true });
    },
    async close() {},
  };
}
