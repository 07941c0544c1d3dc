import { type Act, carryOut } from "./crash.ts";

const { result } = await carryOut(JSON.parse(process.argv[2] as string) as Act);
process.stdout.write(`${JSON.stringify(result)}\n`);
