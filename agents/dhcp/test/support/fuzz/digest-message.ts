import { DecodeError, parseIpv4 } from '@kios/bytes';
import type { Link } from '@kios/netlink';
import { Lease as LeaseRecord } from '@kios/node-state';
import * as v from 'valibot';

import { UNKNOWN_NETWORK } from '../../../src/core/client/model.ts';
import { toRecord } from '../../../src/core/client/record.ts';
import { acceptReply } from '../../../src/core/client/replies.ts';
import type { Identity } from '../../../src/core/client/requests.ts';
import { planLease } from '../../../src/core/kernel/plan.ts';
import type { Present } from '../../../src/core/kernel/present.ts';
import { type Lease, readLease } from '../../../src/core/lease/lease.ts';
import { formatResolvConf } from '../../../src/core/lease/resolver.ts';
import { decodeMessage } from '../../../src/core/wire/message.ts';
import { LINK as ETHERNET, POLICY } from '../fixtures.ts';

/** The outcome of a message. */
export type Depth = 'undecodable' | 'not for us' | 'refused' | 'lease';

const SOURCE = '10.77.0.1';

/** A link that accepts the largest MTU a server can send. */
const LINK: Link = { ...ETHERNET, maxMtu: 65_535 };

/** Passes a message through everything before the kernel. Fails on any error but a DecodeError. */
export function digestMessage(bytes: Uint8Array, who: Identity): Depth {
  let reply;
  try {
    const message = decodeMessage(bytes);
    try {
      reply = acceptReply(who, { message, source: SOURCE, sourceMac: undefined });
    } catch (error) {
      if (error instanceof DecodeError) return 'not for us';
      throw error;
    }
  } catch (error) {
    if (error instanceof DecodeError) return 'undecodable';
    throw error;
  }
  const granted = readLease(reply.message, reply.source, 60);
  if ('refused' in granted) return 'refused';
  use(granted.lease, who.mac);
  return 'lease';
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** Characters that must not reach files and logs, whatever a server sends. */
function use(lease: Lease, mac: string): void {
  const { address, t1Seconds: t1, t2Seconds: t2, leaseSeconds: end } = lease;
  const [first = 0] = parseIpv4(address);
  check(first !== 0 && first !== 127 && first < 224, `address ${address}`);
  check(t1 <= t2 && t2 <= end, `times ${t1}, ${t2}, ${end}`);
  useFiles(lease, mac);
  useKernel(lease, mac);
}

const RESOLVER = /^(?:(?:# kios-dhcp eth0|nameserver [\d.]+|search [\w. -]+)\n)*$/;

function useFiles(lease: Lease, mac: string): void {
  const where = {
    link: 'eth0',
    mac,
    bootId: 'boot',
    checked: true,
    mtuOnRoutes: false,
    clocks: { now: 0, wall: 0 },
  };
  const record = v.parse(
    LeaseRecord,
    toRecord({ lease, since: 0, degradeLevel: 0 }, UNKNOWN_NETWORK, where),
  );
  const names = [...record.search, record.domain ?? '', record.hostname ?? ''];
  check(!/\p{Cc}/u.test(names.join('')), `control characters in ${JSON.stringify(names)}`);
  const resolver = formatResolvConf([{ link: 'eth0', ...lease }]) ?? '';
  check(RESOLVER.test(resolver), `resolv.conf ${resolver}`);
}

function useKernel(lease: Lease, mac: string): void {
  const present: Present = { link: { ...LINK, mac }, ipv6: true, addresses: [], routes: [] };
  for (const change of planLease({ lease, since: 0, degradeLevel: 0 }, present, POLICY, 0)) {
    if (change.tag !== 'set-route') continue;
    const [network = '', prefix = ''] = change.route.dst.split('/');
    parseIpv4(network);
    check(/^\d+$/.test(prefix) && Number(prefix) <= 32, `route to ${change.route.dst}`);
    check(change.route.via !== lease.address, `route through ourselves`);
  }
}
