import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Report, renderReport } from "../report.ts";
import type { ReportInput } from "../view.ts";
import type { Sink } from "./sink.ts";

/** A file name that can't leave its directory, whatever the id. */
const fileName = (id: string): string => id.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 100) || "_";

/** Writes `<incident>.html`, `.md` and `.json`, each whole or not at all: a newer report replaces the older one. */
export async function reportFiles({ dir }: { dir: string }): Promise<Sink<ReportInput>> {
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
    async close() {},
  };
}
