import type { TargetUse } from "../../core/recover-config.ts";
import type { ActionDescription } from "./action.ts";

type Words = Omit<ActionDescription, "blastRadius">;

const restart = (target: string): Words => ({
  preconditions: ["the supervisor knows the service", "the process is the one that was seen when planning"],
  effect: `stops ${target} and starts the same release again`,
  reversible: false,
  expectedLoss: "requests in flight and state held only in memory",
  risk: "low",
});
const stop = (target: string): Words => ({
  ...restart(target),
  effect: `stops ${target} and leaves it stopped`,
  reversible: true,
  expectedLoss: "all that it does, until it is started again",
  risk: "high",
});
const machine = (effect: string, expectedLoss: string, risk: Words["risk"]): Words => ({
  preconditions: ["the machine is the one that was seen when planning"],
  effect,
  reversible: false,
  expectedLoss,
  risk,
});

const machines = {
  "vm-reset": (target: string) =>
    machine(`resets ${target} as its button would`, "state held only in its memory", "medium"),
  "vm-revert": (target: string): Words => ({
    ...machine(`reverts ${target} to its newest checkpoint from before the fault`, "all it did since then", "high"),
    reversible: true,
  }),
  "vm-resume": (target: string): Words => ({
    ...machine(`lets the paused ${target} run on`, "nothing", "low"),
    reversible: true,
  }),
  "vm-start": (target: string) =>
    machine(`makes ${target} from its definition and starts it`, "what only the lost machine's memory held", "medium"),
};

/** What the built-in kinds do to a target, by what the target is. */
const descriptions: Readonly<Record<string, Readonly<Record<string, (target: string) => Words>>>> = {
  supervisor: {
    restart,
    rollback: (target) => ({
      preconditions: [
        "the supervisor knows the service",
        "the process is the one that was seen when planning",
        "a previous release exists",
      ],
      effect: `stops ${target} and starts its previous release`,
      reversible: true,
      expectedLoss: "requests in flight, state held only in memory, what the newer release added",
      risk: "medium",
    }),
  },
  systemd: { restart, stop },
  supervisord: { restart, stop },
  child: { restart, stop },
  files: {
    "restore-files": (target) => ({
      preconditions: ["a snapshot from before the fault's onset", "every file in it has the hash of its manifest"],
      effect: `switches ${target} to a copy of the newest good snapshot from before the fault`,
      reversible: true,
      expectedLoss: "what was written since that snapshot; the old folder is kept",
      risk: "medium",
    }),
  },
  release: {
    rollback: (target) => ({
      preconditions: ["another release was verified before", "it still has the content that was verified"],
      effect: `switches ${target} to the newest verified release that is not the one in use`,
      reversible: true,
      expectedLoss: "what the newer release added",
      risk: "medium",
    }),
  },
  postgres: {
    "point-in-time-recovery": (target) => ({
      preconditions: ["a verified base backup from before the fault's onset", "WAL from there on", "the checks hold"],
      effect: `restores ${target} into a new directory to just before the fault, and switches to it`,
      reversible: true,
      expectedLoss: "every write from the fault's onset on; the old directory is kept",
      risk: "high",
    }),
    "restore-latest": (target) => ({
      preconditions: ["a verified base backup", "WAL from there on", "the checks hold"],
      effect: `restores ${target} into a new directory to the end of the archived WAL, and switches to it`,
      reversible: true,
      expectedLoss: "writes that were not archived when the disk was lost",
      risk: "high",
    }),
  },
  "postgres-replica": {
    "promote-replica": (target) => ({
      preconditions: ["the standby answers", "its primary does not"],
      effect: `promotes ${target}: it takes writes from now on`,
      reversible: false,
      expectedLoss: "writes that had not reached the standby; none when it is synchronous",
      risk: "high",
    }),
  },
  qemu: machines,
  libvirt: machines,
  kubernetes: {
    restart: (target) => ({
      ...{ preconditions: ["its specification is the one that was seen when planning"], reversible: false },
      effect: `replaces the pods of ${target} one after another, by its own strategy`,
      expectedLoss: "requests in flight and state held only in memory",
      risk: "low",
    }),
    rollback: (target) => ({
      ...{ preconditions: ["an earlier verified revision exists"], reversible: true },
      effect: `gives ${target} the pod template of its newest verified revision before this one`,
      expectedLoss: "what the newer revision added",
      risk: "medium",
    }),
    scale: (target) => ({
      ...{ preconditions: ["the config allows more replicas"], reversible: true },
      effect: `adds replicas to ${target}`,
      expectedLoss: "nothing; it takes more of the cluster",
      risk: "low",
    }),
    cordon: (target) => ({
      ...{ preconditions: ["the node takes new pods"], reversible: true },
      effect: `keeps new pods off the node ${target}`,
      expectedLoss: "room for new pods",
      risk: "medium",
    }),
  },
};

/** Description of a built-in kind of action for a target of a built-in kind; `undefined` where there is none. Pure. */
export function describeAction(
  kind: string,
  target: string,
  use: TargetUse["kind"] = "supervisor",
): ActionDescription | undefined {
  const kinds = Object.hasOwn(descriptions, use) ? descriptions[use] : undefined;
  const words = kinds !== undefined && Object.hasOwn(kinds, kind) ? kinds[kind]?.(target) : undefined;
  return words && { ...words, blastRadius: [target] };
}

/** As `describeAction`, for a target as the config has it: with the actions of its own. */
export function describeFor(kind: string, target: string, use: TargetUse): ActionDescription | undefined {
  if (use.kind === "kubernetes" && !kubernetesKinds(use).includes(kind)) return undefined;
  if (use.kind !== "command" && use.kind !== "webhook") return describeAction(kind, target, use.kind);
  const own = Object.hasOwn(use.actions, kind) ? use.actions[kind] : undefined;
  return (
    own && {
      preconditions: ["the target is the one that was seen when planning"],
      effect: own.effect,
      blastRadius: [target],
      reversible: own.undo !== undefined,
      expectedLoss: own.loss,
      risk: own.risk,
    }
  );
}

/** What can be done to a node is not what can be done to a workload. */
function kubernetesKinds({ workload, replicas }: Extract<TargetUse, { kind: "kubernetes" }>): string[] {
  if (workload.startsWith("node/")) return ["cordon"];
  const scales = replicas !== undefined && !workload.startsWith("daemonset/");
  return ["restart", "rollback", ...(scales ? ["scale"] : [])];
}
