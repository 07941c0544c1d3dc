/** Writes the schemas of the output records to docs/schemas: `npm run schemas`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { recordJsonSchema, recordSchemas, schemaFile } from "../../pipelines/core/schemas/records.ts";

for (const topic of Object.keys(recordSchemas) as (keyof typeof recordSchemas)[])
  writeFileSync(
    join(import.meta.dirname, "../../docs/schemas", schemaFile(topic)),
    `${JSON.stringify(recordJsonSchema(topic), null, 2)}\n`,
  );
