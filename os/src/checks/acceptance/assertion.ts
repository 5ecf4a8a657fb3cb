import type { HostFacts } from '../../../guest/src/host-facts.ts';
import type { Kubectl } from '../../lab/kubectl.ts';
import type { Console } from '../../lab/qemu/console.ts';
import type { Machine } from '../../lab/qemu/machine.ts';
import type { Progress } from '../../workstation/progress.ts';

/** A node that is Ready, as checks see it: through its API server and its console. */
export interface Subject {
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  readonly console: Console;
  readonly machine: Machine;
  /** The disk image that the machine's disk is a copy of. */
  readonly image: string;
  /** The API server as the guest reaches it. */
  readonly endpoint: string;
  readonly progress: Progress;
  /** Returns what a pod sees of the host; the first result is kept unless `afresh` is given. */
  readonly lookAtHost: (afresh?: 'afresh') => Promise<HostFacts>;
}

/** A claim that must hold. `check` returns what it saw, for the table, and throws when the claim does not hold. */
export interface Assertion<S = Subject> {
  readonly name: string;
  readonly check: (subject: S) => Promise<string>;
}

/** The error of a claim that does not hold. It has no code, because it is not a failure of this program. */
class Unmet extends Error {}

/** Throws `Unmet` with the message `otherwise` when a claim does not hold. */
export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Unmet(otherwise);
}

/** The outcome of one assertion. */
export interface Outcome {
  readonly name: string;
  readonly held: boolean;
  readonly detail: string;
}
