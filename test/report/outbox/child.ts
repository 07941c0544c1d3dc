/** Commits a notification as a stage would and delivers it; kills itself with SIGKILL at the step it is told. */
import { systemClock } from "../../../pipelines/core/clock.ts";
import { outbox } from "../../../pipelines/report/outbox/outbox.ts";
import { receiversOf } from "../../../pipelines/report/outbox/receivers.ts";
import { markIn } from "../../../pipelines/run/notifying.ts";
import { openStore } from "../../../pipelines/runtime/store/pglite.ts";
import { notification, outputOf } from "./fixture.ts";

const [dir, url, path, dieAt] = process.argv.slice(2) as [string, string, string, string];
const die = () => process.kill(process.pid, "SIGKILL");
const common = {
  events: ["opened" as const],
  minSeverity: "minor" as const,
  ignoreLabels: [],
  timeout: 10_000,
  name: undefined,
};

const store = await openStore(dir);
const mark = markIn(store);
const receivers = await receiversOf(
  [
    { kind: "webhook", ...common, url },
    { kind: "file", ...common, path },
  ],
  systemClock,
);
let settled = 0;
const box = outbox({
  ...{ receivers, store, clock: systemClock },
  mark: async (list) => {
    const [d] = list;
    if (dieAt === "after-send" && d?.state === "sent") die();
    await mark(list);
    if (dieAt === "after-sending-mark" && d?.state === "sending") die();
  },
  onSettled: () => {
    settled += 1;
  },
});
await box.recover();
const [known] = await store.latest("notifications", { key: "i1/1" });
if (!known) {
  const outputs = [outputOf(notification("i1", 1, { timeMs: Date.now() }))];
  await store.commit({ positions: new Map([["s", "1"]]), state: new Map(), outputs });
  if (dieAt === "after-commit") die();
  box.onCommitted(outputs);
}
for (let i = 0; i < 500 && settled < 2; i++) await new Promise((go) => setTimeout(go, 20));
await box.stop();
await store.close();
process.stdout.write(`settled ${settled}\n`);
