import { describe, expect, it } from 'vitest';

import { wakeTime } from '../../src/core/client/machine.ts';
import {
  expiryOf,
  type Input,
  UNKNOWN_NETWORK,
  type Policy,
  type State,
} from '../../src/core/client/model.ts';
import { adopt, begin, resumeKept } from '../../src/core/client/start.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import {
  ADDRESS,
  arps,
  claim,
  DROP,
  GATEWAY_MAC,
  GRANT,
  KEEP,
  OTHER,
  reply,
  sent,
  SERVER,
  tags,
} from '../support/fixtures.ts';
import { letPass, play } from '../support/play.ts';

const FAST: Policy = { ...KEEP, arp: 'fast' };
const FULL: Policy = { ...KEEP, arp: 'full' };
const START = 600_000;
const UP: Input = { tag: 'carrier', up: true };
const DOWN: Input = { tag: 'carrier', up: false };
const PROBE = `0.0.0.0>${ADDRESS}`;
const ANNOUNCEMENT = `${ADDRESS}>${ADDRESS}`;
const QUESTION = `${ADDRESS}>${SERVER}`;

/** A client that has just got its address. */
const granted = (policy: Policy): State =>
  play(
    begin(undefined),
    [
      [START, UP],
      [START, reply('offer')],
      [START, reply('ack')],
    ],
    policy,
  )[0];

const TIMER: Input = { tag: 'timer' };
/** How long a claim is doubted. */
const DOUBT = 300;

/** A client to which another host claims its address, and claims no other. */
const contested = (state: State, now: number, policy: Policy, packet = claim(ADDRESS)) =>
  play(
    state,
    [
      [now, packet],
      [now + DOUBT, TIMER],
    ],
    policy,
  );

/** The same client once conflict detection has found no other host. */
const settled = (policy: Policy = FAST): State => letPass(granted(policy), START + 9000, policy)[0];

describe('an address that is used while it is probed for', () => {
  it('is probed for from the offer on, and used as soon as it is granted', () => {
    const offered = play(
      begin(undefined),
      [
        [START, UP],
        [START, reply('offer')],
      ],
      FAST,
    );
    expect(tags(offered[1])).toEqual(['offer', 'send', 'arp']);
    expect(arps(offered[1])).toEqual([PROBE]);
    expect(tags(play(offered[0], [[START, reply('ack')]], FAST)[1])).toEqual(['bind']);
  });

  it('is probed for three times in a second and announced twice, and the gateway is asked who it is', () => {
    const [state, effects] = letPass(granted(FAST), START + 60_000, FAST);
    expect(arps(effects)).toEqual([PROBE, PROBE, ANNOUNCEMENT, QUESTION, ANNOUNCEMENT]);
    expect(tags(effects)).toContain('remember');
    expect(state.memory.watch).toMatchObject({ settled: true, dueAt: undefined });
  });

  it('is given back and not taken again when another host has it', () => {
    const [state, effects] = contested(granted(FAST), START, FAST);
    expect(tags(effects)).toEqual(['conflict', 'unbind', 'send', 'decline']);
    expect(sent(effects).options.get(OPTIONS.messageType)).toBe(TYPE.decline);
    expect(sent(effects).options.get(OPTIONS.requestedAddress)).toBe(ADDRESS);
    expect(sent(effects).options.get(OPTIONS.serverId)).toBe(SERVER);
    expect(state).toMatchObject({ tag: 'init', memory: { held: undefined, hint: undefined } });
    expect(wakeTime(state)).toBe(START + DOUBT + 10_000);
    const offers = letPass(state, START + 10_300, FAST)[0];
    const [refusing, dropped] = play(offers, [[START + 10_301, reply('offer')]], FAST);
    expect(refusing.tag).toBe('selecting');
    expect(tags(dropped)).toEqual(['rx.drop']);
    const elsewhere = reply('offer', GRANT, { yiaddr: '10.0.0.7' });
    expect(play(refusing, [[START + 10_302, elsewhere]], FAST)[0].tag).toBe('requesting');
  });

  it('is declined before it is granted when the conflict shows sooner', () => {
    const [state, effects] = play(
      begin(undefined),
      [
        [START, UP],
        [START, reply('offer')],
        [START, claim(ADDRESS)],
        [START + DOUBT, TIMER],
      ],
      FAST,
    );
    expect(tags(effects)).toEqual(['conflict', 'send', 'decline']);
    expect(state.tag).toBe('init');
  });

  it('may be offered again ten minutes later', () => {
    const [conflicted] = contested(granted(FAST), START, FAST);
    const [later] = letPass(conflicted, START + 700_000, FAST);
    expect(play(later, [[START + 700_001, reply('offer')]], FAST)[0].tag).toBe('requesting');
  });

  it('is asked for once a minute after ten conflicts', () => {
    const network = { ...UNKNOWN_NETWORK, conflicts: 9 };
    const [state] = play(
      begin(undefined, network),
      [
        [START, UP],
        [START, reply('offer')],
        [START, reply('ack')],
        [START, claim(ADDRESS)],
        [START + DOUBT, TIMER],
      ],
      FAST,
    );
    expect(wakeTime(state)).toBe(START + DOUBT + 60_000);
  });

  it('is not in conflict with our own packets or with another address', () => {
    const own = claim(ADDRESS, '02:00:00:00:00:01');
    expect(play(granted(FAST), [[START, own]], FAST)[1]).toEqual([]);
    expect(play(granted(FAST), [[START, claim('10.0.0.9')]], FAST)[1]).toEqual([]);
  });

  it('is not probed for when it is in use already', () => {
    const back = play(
      settled(),
      [
        [START + 20_000, DOWN],
        [START + 21_000, UP],
        [START + 21_000, reply('ack')],
      ],
      FAST,
    );
    expect(arps(letPass(back[0], START + 60_000, FAST)[1])).toEqual([]);
  });

  it('is probed for again after a loss of carrier', () => {
    const [state] = play(
      granted(FAST),
      [
        [START + 100, DOWN],
        [START + 200, UP],
      ],
      FAST,
    );
    expect(arps(letPass(state, START + 900, FAST)[1])).toEqual([PROBE, PROBE]);
  });

  it('is probed for by the instance that takes the lease over, unless that was done', () => {
    const { held } = granted(FAST).memory;
    if (held === undefined) throw new Error('not bound');
    const unchecked = adopt(held, UNKNOWN_NETWORK, false, FAST);
    expect(arps(letPass(unchecked, START + 2000, FAST)[1])).toContain(PROBE);
    const checked = adopt(held, UNKNOWN_NETWORK, true, FAST);
    expect(arps(letPass(checked, START + 2000, FAST)[1])).toEqual([]);
    expect(tags(play(checked, [[START, claim(ADDRESS)]], FAST)[1])).toEqual(['conflict', 'arp']);
  });
});

describe('an address that is probed for before it is used', () => {
  it('is used after three probes and two quiet seconds', () => {
    const state = granted(FULL);
    expect(state).toMatchObject({ tag: 'probing', memory: { held: undefined } });
    const [still, before] = letPass(state, START + 5499, FULL);
    expect(arps(before)).toEqual([PROBE, PROBE, PROBE]);
    const [bound, after] = letPass(still, START + 5500, FULL);
    expect(tags(after)).toEqual(['arp', 'bind']);
    expect(arps(after)).toEqual([ANNOUNCEMENT]);
    expect(bound).toMatchObject({ tag: 'bound', memory: { held: { since: START } } });
  });

  it.each([
    ['host has it', claim(ADDRESS)],
    [
      'host probes for it too',
      {
        tag: 'arp',
        packet: {
          operation: 'request',
          senderMac: OTHER,
          sender: '0.0.0.0',
          targetMac: '00:00:00:00:00:00',
          target: ADDRESS,
        },
      } as const,
    ],
  ])('is declined when another %s, and never used', (_name, packet) => {
    const [state, effects] = contested(granted(FULL), START + 100, FULL, packet);
    expect(tags(effects)).toEqual(['conflict', 'send', 'decline']);
    expect(state).toMatchObject({ tag: 'init', memory: { held: undefined } });
  });

  it('is asked for first when the carrier is back', () => {
    const [state] = play(granted(FULL), [[START + 100, DOWN]], FULL);
    expect(state).toMatchObject({ tag: 'waiting', memory: { hint: ADDRESS, watch: undefined } });
  });
});

describe('an address in use', () => {
  it('is defended at most once in ten seconds, and not given up', () => {
    const [state, first] = play(settled(), [[START + 20_000, claim(ADDRESS)]], FAST);
    expect(tags(first)).toEqual(['conflict', 'arp']);
    expect(first).toContainEqual(
      expect.objectContaining({ fields: { address: ADDRESS, mac: OTHER } }),
    );
    expect(arps(first)).toEqual([ANNOUNCEMENT]);
    const [same, second] = play(state, [[START + 29_999, claim(ADDRESS)]], FAST);
    expect(second).toEqual([]);
    expect(arps(play(same, [[START + 30_000, claim(ADDRESS)]], FAST)[1])).toEqual([ANNOUNCEMENT]);
    expect(same.memory.held).toBeDefined();
  });

  it('is probed for when its lease ends, and kept if no host replies', () => {
    const [state, effects] = letPass(settled(), START + 3_700_000, FAST);
    const end = tags(effects).indexOf('lease.expired');
    expect(end).toBeGreaterThan(0);
    expect(arps(effects.slice(end))).toEqual([
      PROBE,
      PROBE,
      PROBE,
      ANNOUNCEMENT,
      QUESTION,
      ANNOUNCEMENT,
    ]);
    expect(state.memory.held?.lease.address).toBe(ADDRESS);
  });

  it('is released when its lease has ended and another host has it', () => {
    const bound = settled();
    const end = bound.memory.held && expiryOf(bound.memory.held);
    const [expired] = letPass(bound, end ?? 0, FAST);
    const [state, effects] = contested(expired, (end ?? 0) + 1, FAST);
    expect(tags(effects)).toEqual(['conflict', 'unbind']);
    expect(state).toMatchObject({ tag: 'selecting', memory: { held: undefined, hint: undefined } });
  });

  it('is probed for again only after the ACK, when it is released while a server offers it', () => {
    const bound = settled();
    const end = (bound.memory.held && expiryOf(bound.memory.held)) ?? 0;
    const [expired] = letPass(bound, end, FAST);
    const [offered] = play(expired, [[end + 1, reply('offer')]], FAST);
    const [released, effects] = contested(offered, end + 2, FAST);
    expect(tags(effects)).toEqual(['conflict', 'unbind']);
    expect(released).toMatchObject({ tag: 'requesting', memory: { held: undefined } });
    expect(arps(letPass(released, end + 3000, FAST)[1])).toEqual([]);
    const [, granting] = play(released, [[end + 303, reply('ack')]], FAST);
    expect(tags(granting)).toEqual(['bind', 'arp']);
    expect(arps(granting)).toEqual([PROBE]);
  });
});

const known = (): State => play(settled(), [[START + 10_000, claim(SERVER, GATEWAY_MAC)]], FAST)[0];

describe('an address that was kept when its instance was killed', () => {
  it('is probed for and asked for by the next one, and released when another host has it', () => {
    const { held } = settled().memory;
    if (held === undefined) throw new Error('not bound');
    const kept = resumeKept(held, UNKNOWN_NETWORK, START, FAST);
    const [state, effects] = play(kept, [[START, UP]], FAST);
    expect(tags(effects)).toEqual(['repair', 'send', 'arp']);
    expect(sent(effects).options.get(OPTIONS.requestedAddress)).toBe(ADDRESS);
    const [gone, dropped] = contested(state, START + 1, FAST);
    expect(tags(dropped)).toEqual(['conflict', 'unbind']);
    expect(gone.memory.held).toBeUndefined();
    expect(tags(letPass(state, START + 60_000, FAST)[1])).toContain('lease.kept');
  });
});

describe('the gateway', () => {
  it('is asked whether it is still there when the carrier is back', () => {
    const [state, effects] = play(
      known(),
      [
        [START + 20_000, DOWN],
        [START + 21_000, UP],
      ],
      FAST,
    );
    expect(tags(effects)).toEqual(['repair', 'send', 'arp']);
    expect(effects.at(-1)).toMatchObject({ packet: { targetMac: GATEWAY_MAC, target: SERVER } });
    const [seen] = play(state, [[START + 21_001, claim(SERVER, GATEWAY_MAC)]], FAST);
    const [bound, silent] = letPass(seen, START + 26_000, FAST);
    expect(tags(silent)).toEqual(['send', 'send', 'lease.confirmed']);
    expect(bound.tag).toBe('bound');
    expect(wakeTime(bound)).toBe(START + 1_800_000);
  });

  it('with another hardware address belongs to another network', () => {
    const [state] = play(
      known(),
      [
        [START + 20_000, DOWN],
        [START + 21_000, UP],
        [START + 21_001, claim(SERVER, OTHER)],
      ],
      FAST,
    );
    expect(letPass(state, START + 26_000, FAST)[0].tag).toBe('selecting');
  });

  it('is forgotten with its lease', () => {
    const other = [
      ...GRANT.filter(([code]) => code !== OPTIONS.routers.code),
      entry(OPTIONS.routers, ['10.0.0.2']),
    ];
    const [state] = play(
      known(),
      [
        [START + 20_000, DOWN],
        [START + 21_000, UP],
        [START + 21_000, reply('ack', other)],
      ],
      FAST,
    );
    expect(state.memory.network.gatewayMac).toBeUndefined();
  });
});

describe('without conflict detection', () => {
  it('ARP is neither sent nor heeded', () => {
    const none = letPass(granted(DROP), START + 60_000, DROP);
    expect(arps(none[1])).toEqual([]);
    expect(play(none[0], [[START, claim(ADDRESS)]], DROP)[1]).toEqual([]);
  });
});
