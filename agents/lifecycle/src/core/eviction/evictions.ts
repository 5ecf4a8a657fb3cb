import { retryDelay } from '@kios/agent';
import type { PodView } from '@kios/node-turn';

import type { LifecycleError } from '../faults/errors.ts';

/** A budget changes when a pod elsewhere becomes ready, which takes seconds to minutes. */
const SCHEDULE = { firstMs: 5000, maxMs: 60_000, jitter: 0.2 };

/** What became of a request to evict a pod: refused by a budget for now, or denied for another reason. */
export type Eviction = 'going' | 'refused' | LifecycleError;

/** A disruption budget, or something else that a person has to change. */
type Cause = 'budget' | 'other';

interface Held {
  readonly by: Cause;
  readonly failures: number;
  /** Milliseconds since 1970. */
  readonly nextTry: number;
}

/** Which pods were refused to go, and when each is asked again. It is lost with the agent, which then asks at once. */
export class Evictions {
  #held = new Map<string, Held>();

  /** The pods (UID) that a budget holds. */
  get blocked(): ReadonlySet<string> {
    return new Set([...this.#held].flatMap(([uid, { by }]) => (by === 'budget' ? [uid] : [])));
  }

  /** Returns the pods to ask now, and forgets those that are no longer there. */
  due(pods: readonly PodView[], now: number): readonly PodView[] {
    this.#held = new Map([...this.#held].filter(([uid]) => pods.some((pod) => pod.uid === uid)));
    return pods.filter(({ uid }) => (this.#held.get(uid)?.nextTry ?? 0) <= now);
  }

  /** Notes that a pod was refused; true the first time. */
  refuse(uid: string, by: Cause, now: number, entropy: number): boolean {
    const failures = (this.#held.get(uid)?.failures ?? 0) + 1;
    const nextTry = now + retryDelay(SCHEDULE, failures, entropy);
    this.#held.set(uid, { by, failures, nextTry });
    return failures === 1;
  }
}
