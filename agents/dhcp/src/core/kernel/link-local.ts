import { fromHex } from '@kios/bytes';
import { FOREVER, SCOPE } from '@kios/netlink';

import { type Change, isLeased, OURS, type PlanPolicy, type Present } from './present.ts';

const PREFIX = 16;
/** 169.254.1.0 to 169.254.254.255, without 169.254.169.x, where clouds have their services. RFC 3927 §2.1. */
const NETWORKS = 253;
const CLOUDS = 169;
const FNV = { offset: 0x811c9dc5, prime: 0x01000193 } as const;

/** Returns an address of the range, the same for a link at each start. */
export function linkLocalAddress(mac: string): string {
  const hash = fromHex(mac).reduce(
    (sum, byte) => Math.imul(sum ^ byte, FNV.prime) >>> 0,
    FNV.offset,
  );
  const network = 1 + ((hash >>> 8) % NETWORKS);
  return `169.254.${network < CLOUDS ? network : network + 1}.${hash & 0xff}`;
}

/**
 * Returns the changes that give a link without a lease an address for the cloud's metadata service, or remove the one
 * that an earlier instance gave it. A lease replaces it, and nothing else is reached through it.
 */
export function planLinkLocal({ link, addresses }: Present, policy: PlanPolicy): Change[] {
  const mine = addresses.filter((each) => each.ifindex === link.index && each.protocol === OURS);
  const wanted =
    policy.ipv4llMetadata && !mine.some(isLeased) ? linkLocalAddress(link.mac) : undefined;
  const locals = mine.filter(({ scope }) => scope === SCOPE.link);
  const stale = locals.filter(({ address }) => address !== wanted);
  const deletions = stale.map((address) => ({ tag: 'delete-address', address }) as const);
  if (wanted === undefined || stale.length < locals.length) return deletions;
  const address = {
    ifindex: link.index,
    address: wanted,
    prefix: PREFIX,
    scope: SCOPE.link,
    protocol: OURS,
    metric: policy.metric,
    validSeconds: FOREVER,
    preferredSeconds: FOREVER,
  };
  return [{ tag: 'set-address', address }, ...deletions];
}
