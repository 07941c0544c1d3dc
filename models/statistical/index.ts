import type { DetectorBank } from "../bank.ts";
import { changePoint } from "./change-point.ts";
import { ewma } from "./ewma.ts";
import { meanSigma } from "./mean-sigma.ts";
import { robustZ } from "./robust-z.ts";
import { seasonal } from "./seasonal.ts";

export { type TailBank, type TailOptions, tailBank } from "./tail.ts";
export { changePoint, ewma, meanSigma, robustZ, seasonal };

/** Every statistical bank by its configuration name; options are checked by the factory itself. */
export const statisticalBanks = { meanSigma, ewma, robustZ, changePoint, seasonal } satisfies Record<
  string,
  (options?: never) => DetectorBank
>;
