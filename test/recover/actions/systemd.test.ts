import { checkManagedProcess } from "../managed-process.ts";
import { describeReal } from "../real.ts";
import { hasSystemd, startSystemd } from "../systemd.ts";

describeReal("a unit of a real systemd", hasSystemd, () => checkManagedProcess(startSystemd));
