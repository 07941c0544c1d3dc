/** Lines of text, each a log line (with the stack trace below it) that came when the record arrived; its level is the first level word near its start. */
import type { Decoder } from "../../core/signals.ts";
import { joinedLines } from "../logs/multi-line.ts";
import { linesOf, resourceOf, textOf } from "./plain.ts";
import { severityIn } from "./shipper.ts";

export const text: Decoder = {
  name: "text",
  decode(record, into) {
    let entityId = -1;
    for (const line of joinedLines(linesOf(textOf(record)))) {
      if (line.trim() === "") continue;
      if (line.includes("\u0000")) {
        into.reject("DECODE_BAD_FIELD", "a line is not text");
        continue;
      }
      // Refused, it is asked for again: each line of it is counted.
      if (entityId < 0) entityId = into.entity(resourceOf("", "", "", record.source));
      into.log(entityId, record.ingestTimeMs, severityIn(line), line, {}, "");
    }
  },
};
