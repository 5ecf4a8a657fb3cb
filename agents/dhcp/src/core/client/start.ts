import type { Bound, BoundLease, Memory, NetworkMemory, Policy, State } from './model.ts';
import { t1Of, UNKNOWN_NETWORK } from './model.ts';
import type { Millis } from './timing.ts';
import { settledWatch, startWatch } from './watch.ts';

const memoryOf = (hint: string | undefined, network: NetworkMemory): Memory => ({
  held: undefined,
  hint,
  upSince: 0,
  nakCount: 0,
  warnKeptAt: undefined,
  network,
  watch: undefined,
  gatewayAsked: false,
  repair: { dueAt: undefined, doneAt: 0 },
});

/** A client without a lease. Its first action follows the first `carrier` input. */
export const begin = (
  hint: string | undefined,
  network: NetworkMemory = UNKNOWN_NETWORK,
): State => ({ tag: 'waiting', memory: memoryOf(hint, network) });

/**
 * A client that takes over a lease already in the kernel: it sends nothing to a server until T1. `checked` says that
 * conflict detection found no other host with the address.
 */
export function adopt(
  held: BoundLease,
  network: NetworkMemory,
  checked: boolean,
  policy: Policy,
): Bound {
  const { address } = held.lease;
  const pace = policy.arp === 'none' ? undefined : policy.arp;
  const watch = pace && (checked ? settledWatch(address, pace) : startWatch(address, 'fast', 0, 0));
  const memory = { ...memoryOf(address, network), held, upSince: held.since, watch };
  return { tag: 'bound', memory, wakeAt: t1Of(held) };
}

/** A client that takes over an address that is kept although its lease has run out. */
export function resumeKept(
  held: BoundLease,
  network: NetworkMemory,
  now: Millis,
  { arp }: Policy,
): State {
  const { address } = held.lease;
  const watch = arp === 'none' ? undefined : startWatch(address, 'fast', now, 0);
  const memory = { ...memoryOf(address, network), held, warnKeptAt: now, watch };
  return { tag: 'waiting', memory };
}
