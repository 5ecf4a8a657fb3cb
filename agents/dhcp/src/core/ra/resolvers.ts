import type { Millis } from '../client/timing.ts';
import { isLinkLocal, isServerAddress } from '../v6/lease/other-config.ts';
import type { RouterOptions, Timed } from './options.ts';

const SECOND = 1000;
const INFINITE = 0xffff_ffff;
/** The most of each kind that is kept for a link. */
const MOST = 16;

/** A name server or search domain that a router announced. */
interface Announced {
  readonly router: string;
  readonly value: string;
  readonly until: Millis;
}

/** What the routers of a link announced for resolv.conf, the latest first. */
export interface Resolvers {
  readonly servers: readonly Announced[];
  readonly domains: readonly Announced[];
}

export const NO_RESOLVERS: Resolvers = { servers: [], domains: [] };

/** Takes in one announcement. A lifetime of 0 withdraws what the same router announced. RFC 8106 §5, §6. */
export function learnResolvers(
  known: Resolvers,
  router: string,
  { dnsServers, searchLists }: RouterOptions,
  now: Millis,
): Resolvers {
  const usable = dnsServers.map((each) => ({
    ...each,
    values: each.values.filter((address) => isServerAddress(address) || isLinkLocal(address)),
  }));
  return {
    servers: merge(known.servers, router, usable, now),
    domains: merge(known.domains, router, searchLists, now),
  };
}

function merge(
  known: readonly Announced[],
  router: string,
  lists: readonly Timed[],
  now: Millis,
): readonly Announced[] {
  const said = new Map<string, Announced>();
  for (const { values, lifetimeSeconds } of lists) {
    const until = lifetimeSeconds === INFINITE ? Infinity : now + lifetimeSeconds * SECOND;
    for (const value of values) said.set(value, { router, value, until });
  }
  // Known ones keep their places, or the order would change with every announcement.
  const kept = known.map((each) => {
    const update = each.router === router ? said.get(each.value) : undefined;
    if (update !== undefined) said.delete(each.value);
    return update ?? each;
  });
  return [...kept, ...said.values()].filter(({ until }) => until > now).slice(0, MOST);
}

/** Returns what resolv.conf shall have of them now. A link-local server gets the link as its zone. RFC 4007 §11. */
export const resolversAt = (
  { servers, domains }: Resolvers,
  link: string,
  now: Millis,
): { readonly dns: readonly string[]; readonly search: readonly string[] } => ({
  dns: valid(servers, now).map((each) => (isLinkLocal(each) ? `${each}%${link}` : each)),
  search: valid(domains, now),
});

const valid = (announced: readonly Announced[], now: Millis): string[] => [
  ...new Set(announced.filter(({ until }) => until > now).map(({ value }) => value)),
];

/** When the next of them runs out; undefined when none does. */
export function resolversEnd({ servers, domains }: Resolvers): Millis | undefined {
  const next = Math.min(...[...servers, ...domains].map(({ until }) => until));
  return next === Infinity ? undefined : next;
}
