export async function reportFiles(_o: { dir: string }) {
  return {
    name: "report-files",
    async write(_b: readonly { topic: string; key: string; value: string }[]) {},
    async close() {},
  };
}
