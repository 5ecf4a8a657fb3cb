import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { DecodeError } from '@kios/bytes';
import { Random } from '@kios/bytes/testing';
import { describe, expect, it } from 'vitest';

import { decodeAdvertisement, type RouterAdvertisement } from '../../src/core/ra/advertisement.ts';
import { learnFlags, modeAt } from '../../src/core/ra/mode.ts';
import { learnResolvers, NO_RESOLVERS, resolversAt } from '../../src/core/ra/resolvers.ts';
import { beginExchange } from '../../src/core/v6/client/exchange.ts';
import { step6 } from '../../src/core/v6/client/machine.ts';
import type { ExchangeTag, Policy6, State6 } from '../../src/core/v6/client/model.ts';
import { acceptReply6 } from '../../src/core/v6/client/replies.ts';
import { begin6 } from '../../src/core/v6/client/start.ts';
import { RETRANSMISSION } from '../../src/core/v6/client/timing.ts';
import { newLease } from '../../src/core/v6/lease/lease.ts';
import { decodeMessage6 } from '../../src/core/v6/wire/message.ts';
import { OPTIONS6 } from '../../src/core/v6/wire/options.ts';
import { check, checkConfig, checkStep } from '../support/fuzz/invariants6.ts';
import { mutate6 } from '../support/fuzz/mutate6.ts';
import { at6, POLICY6 } from '../support/v6.ts';

const VECTORS = path.join(import.meta.dirname, '../vectors');
const PACKETS = Number(process.env['KIOS_FUZZ_PACKETS'] ?? 1_000_000);
const SEED = Number(process.env['KIOS_FUZZ_SEED'] ?? 8415);
const NOW = 10_000;

const readAll = (folder: string): [name: string, bytes: Buffer][] =>
  readdirSync(path.join(VECTORS, folder)).map((name) => [
    name,
    Buffer.from(
      readFileSync(path.join(VECTORS, folder, name), 'utf8').replaceAll(/\s/g, ''),
      'hex',
    ),
  ]);

/** Replies of real servers to this client, all of transaction 7. */
const replies = readAll('v6');
const announcements = readAll('ra');
const POLICY: Policy6 = { identity: { ...POLICY6.identity, iaid: 1 }, rapidCommit: true };

/** One state of each exchange, with the lease that a real server granted. */
const states = (): State6[] => {
  const granted = replies.find(([name]) => name === 'isc-dhcpd-reply.hex');
  if (granted === undefined) throw new Error('no reply to grant a lease');
  const message = decodeMessage6(granted[1]);
  const ia = message.options.get(OPTIONS6.iaNa);
  const server = message.options.get(OPTIONS6.serverId);
  if (ia === undefined || server === undefined) throw new Error('no lease in the reply');
  const lease = newLease(message, ia, ia.addresses, 0);
  const memory = { ...begin6(lease).memory, carrier: true, mode: 'stateful' as const };
  const offer = { server, preference: 0, addresses: ia.addresses };
  // oxlint-disable-next-line no-unsafe-type-assertion -- the keys of the table are these
  return (Object.keys(RETRANSMISSION) as ExchangeTag[]).map((tag) => {
    const holds = tag !== 'soliciting' && tag !== 'releasing' && tag !== 'informing';
    const event = { ...at6(NOW - 10, { tag: 'timer' }), transactionId: 7 };
    const about = tag === 'soliciting' ? undefined : offer;
    const held = holds ? memory : { ...memory, lease: undefined };
    return beginExchange(tag, held, about, event, POLICY)[0];
  });
};

describe('the messages of real servers', () => {
  it.each(replies)('%s is heeded by some exchange', (_name, bytes) => {
    const message = acceptReply6(POLICY.identity, decodeMessage6(bytes));
    const tags = states().map((state) => {
      const [next, effects] = step6(state, at6(NOW, { tag: 'reply', message }), POLICY);
      checkStep(next, effects, NOW);
      return next.tag !== state.tag || 'offer' in next;
    });
    expect(tags).toContain(true);
  });

  it.each(['dnsmasq-reply.hex', 'isc-dhcpd-reply.hex', 'dnsmasq-renew.hex'])(
    '%s grants a lease',
    (wanted) => {
      const [, bytes = Buffer.of()] = replies.find(([name]) => name === wanted) ?? [];
      const message = acceptReply6(POLICY.identity, decodeMessage6(bytes));
      const renewing = states().find(({ tag }) => tag === 'rebinding');
      if (renewing === undefined) throw new Error('no rebinding client');
      const [next] = step6(renewing, at6(NOW, { tag: 'reply', message }), POLICY);
      expect(next.tag).toBe('bound');
      expect(next.memory.lease?.config).toMatchObject({
        search: ['a.example.org', 'b.example.org'],
        ntp: ['2001:db8:77::123'],
      });
    },
  );
});

type Depth = 'undecodable' | 'not for us' | 'ignored' | 'heeded';

function digest(bytes: Buffer, state: State6): Depth {
  let message;
  try {
    message = decodeMessage6(bytes);
    message = { ...message, transactionId: 7 };
  } catch (error) {
    if (error instanceof DecodeError) return 'undecodable';
    throw error;
  }
  try {
    acceptReply6(POLICY.identity, message);
  } catch (error) {
    if (error instanceof DecodeError) return 'not for us';
    throw error;
  }
  const [next, effects] = step6(state, at6(NOW, { tag: 'reply', message }), POLICY);
  checkStep(next, effects, NOW);
  return next.tag === state.tag && effects.length === 0 ? 'ignored' : 'heeded';
}

describe(`${PACKETS} messages of DHCPv6, seed ${SEED}`, () => {
  it('each change a client within its rules, or nothing', { timeout: 300_000 }, () => {
    const random = new Random(SEED);
    const seeds = replies.map(([, bytes]) => bytes);
    const clients = states();
    const depths: Record<Depth, number> = {
      undecodable: 0,
      'not for us': 0,
      ignored: 0,
      heeded: 0,
    };
    for (let packet = 0; packet < PACKETS; packet += 1) {
      const bytes = mutate6(seeds, random);
      try {
        depths[digest(bytes, random.pick(clients))] += 1;
      } catch (cause) {
        throw new Error(`packet ${packet} of seed ${SEED}: ${bytes.toString('hex')}`, { cause });
      }
    }
    // Noise that is never decoded would prove nothing.
    for (const count of Object.values(depths)) expect(count).toBeGreaterThan(PACKETS / 100);
  });
});

function useAnnouncement(said: RouterAdvertisement): void {
  check(
    said.prefixes.every(({ length }) => length <= 128),
    'a prefix too long',
  );
  check(
    said.routes.every(({ length }) => length <= 128),
    'a route too long',
  );
  const resolvers = learnResolvers(NO_RESOLVERS, 'fe80::1', said, 0);
  const { dns, search } = resolversAt(resolvers, 'eth0', 0);
  checkConfig({ dns: dns.slice(0, 8), search, ntp: [] });
  check(dns.length <= 16 && search.length <= 16, 'long lists');
  modeAt(learnFlags([], 'fe80::1', said, 0), 0);
}

const ANNOUNCEMENTS = PACKETS / 10;

describe(`${ANNOUNCEMENTS} router advertisements, seed ${SEED}`, () => {
  it('each say something usable, or nothing', { timeout: 300_000 }, () => {
    const random = new Random(SEED);
    const seeds = announcements.map(([, bytes]) => bytes);
    let decoded = 0;
    for (let packet = 0; packet < ANNOUNCEMENTS; packet += 1) {
      const bytes = mutate6(seeds, random);
      try {
        useAnnouncement(decodeAdvertisement(bytes));
        decoded += 1;
      } catch (cause) {
        if (cause instanceof DecodeError) continue;
        throw new Error(`packet ${packet} of seed ${SEED}: ${bytes.toString('hex')}`, { cause });
      }
    }
    expect(decoded).toBeGreaterThan(ANNOUNCEMENTS / 10);
    expect(decoded).toBeLessThan(ANNOUNCEMENTS);
  });
});
