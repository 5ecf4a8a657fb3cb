import { step, wakeTime } from '../../src/core/client/machine.ts';
import type { Effect, Input, Policy } from '../../src/core/client/model.ts';
import { begin } from '../../src/core/client/start.ts';
import { at } from './fixtures.ts';

const MINUTE = 60_000;
const IS_WRITE: ReadonlySet<string> = new Set(['bind', 'unbind', 'remember']);

/** A hostile network's replies to one effect of the client. Each arrives a millisecond later. */
export type Attacker = (effect: Effect) => readonly Input[];

/** The most that a client did in any one minute. */
export interface Busiest {
  readonly messages: number;
  /** The times that files were written: one on the disk each, with two syncs. */
  readonly writes: number;
  readonly lines: number;
}

interface Done {
  readonly now: number;
  readonly effect: Effect;
}

/** Lets a client live in a hostile network for a while. */
export function besiege(policy: Policy, attacker: Attacker, minutes: number): Busiest {
  const done: Done[] = [];
  const queue: { readonly now: number; readonly input: Input }[] = [];
  let state = begin(undefined);
  let next: (typeof queue)[number] = { now: 10 * MINUTE, input: { tag: 'carrier', up: true } };
  const end = next.now + minutes * MINUTE;
  for (let { now } = next; now < end; now = Math.max(now, next.now)) {
    const [after, effects] = step(state, at(now, next.input), policy);
    state = after;
    for (const effect of effects) {
      done.push({ now, effect });
      queue.push(...attacker(effect).map((input) => ({ now: now + 1, input })));
    }
    next = queue.shift() ?? { now: wakeTime(state) ?? end, input: { tag: 'timer' } };
  }
  return {
    messages: most(done, ({ tag }) => tag === 'send' || tag === 'arp'),
    writes: most(done, ({ tag }) => IS_WRITE.has(tag)),
    lines: most(done, ({ tag }) => tag === 'report'),
  };
}

/** The most effects of a kind in any one minute. */
function most(done: readonly Done[], isKind: (effect: Effect) => boolean): number {
  const perMinute = new Map<number, number>();
  for (const { now, effect } of done) {
    const minute = Math.floor(now / MINUTE);
    if (isKind(effect)) perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  }
  return Math.max(0, ...perMinute.values());
}
