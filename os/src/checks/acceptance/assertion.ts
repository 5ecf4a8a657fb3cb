import type { Kubectl } from '../../lab/kubectl.ts';
import type { Console } from '../../lab/qemu/console.ts';
import type { Machine } from '../../lab/qemu/machine.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { HostFacts } from './host-facts.ts';

/** What a check may look at: a node that is Ready, through its API server and its console. */
export interface Subject {
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  readonly console: Console;
  readonly machine: Machine;
  readonly progress: Progress;
  /** What a pod sees of the host; looked up once, unless asked for afresh. */
  readonly lookAtHost: (afresh?: 'afresh') => Promise<HostFacts>;
}

/** One thing that must hold. `check` answers what was seen, for the table, and throws when it does not hold. */
export interface Assertion<S = Subject> {
  readonly name: string;
  readonly check: (subject: S) => Promise<string>;
}

/** A claim that did not hold; not a failure of the program, so it carries no code of its own. */
export class Unmet extends Error {}

export function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Unmet(otherwise);
}

/** The outcome of one assertion. */
export interface Outcome {
  readonly name: string;
  readonly held: boolean;
  readonly detail: string;
}
