import { describe, expect, it } from 'vitest';

import { wakeTime } from '../../src/core/client/machine.ts';
import { expiryOf, type Input, type Policy, type State } from '../../src/core/client/model.ts';
import { heededNeighbours } from '../../src/core/client/neighbours.ts';
import { begin } from '../../src/core/client/start.ts';
import { isHostAddress, isInPrefix, unusedAddress } from '../../src/core/lease/network.ts';
import { probe } from '../../src/core/wire/arp.ts';
import { entry, OPTIONS } from '../../src/core/wire/options.ts';
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
  SERVER,
  SERVER_MAC,
  tags,
} from '../support/fixtures.ts';
import { letPass, play } from '../support/play.ts';

const START = 600_000;
const SECOND_CARD = '02:00:00:00:00:02';
const UP: Input = { tag: 'carrier', up: true };
const TIMER: Input = { tag: 'timer' };
const FAST: Policy = { ...KEEP, arp: 'fast' };
const FULL: Policy = { ...KEEP, arp: 'full' };

const offered = (policy: Policy, options = GRANT): State =>
  play(
    begin(undefined),
    [
      [START, UP],
      [START, reply('offer', options)],
    ],
    policy,
  )[0];

const granted = (policy: Policy, options = GRANT): State =>
  play(offered(policy, options), [[START, reply('ack', options)]], policy)[0];

const settled = (policy: Policy): State => letPass(granted(policy), START + 9000, policy)[0];

function expired(policy: Policy): readonly [state: State, now: number] {
  const bound = settled(policy);
  const end = (bound.memory.held && expiryOf(bound.memory.held)) ?? 0;
  return [letPass(bound, end, policy)[0], end];
}

const ownCards = (policy: Policy): Policy => ({
  ...policy,
  surroundings: { macs: new Set(['02:00:00:00:00:01', SECOND_CARD]), leased: new Map() },
});

describe("another card of this machine that replies for this card's address", () => {
  const [fast, full, drop] = [ownCards(FAST), ownCards(FULL), ownCards({ ...DROP, arp: 'fast' })];
  const reflected: Input = { tag: 'arp', packet: probe(SECOND_CARD, ADDRESS) };
  it.each<readonly [name: string, state: State, now: number, policy: Policy]>([
    ['while it is offered', offered(fast), START + 1, fast],
    ['while it is probed for', granted(fast), START + 1, fast],
    ['while it is probed for before its use', granted(full), START + 1, full],
    ['while it is used', settled(fast), START + 20_000, fast],
    ['while it is used, under drop', settled(drop), START + 20_000, drop],
    ['while it is kept', ...expired(fast), fast],
  ])('is no conflict %s', (_name, state, now, policy) => {
    expect(play(state, [[now, claim(ADDRESS, SECOND_CARD)]], policy)).toEqual([state, []]);
    expect(play(state, [[now, reflected]], policy)).toEqual([state, []]);
  });

  it('is none for the gateway either', () => {
    const state = settled(fast);
    expect(play(state, [[START + 20_000, claim(SERVER, SECOND_CARD)]], fast)).toEqual([state, []]);
  });

  it('is a conflict once the card is in another machine', () => {
    expect(
      arps(play(granted(FAST), [[START + 1, claim(ADDRESS, SECOND_CARD)]], FAST)[1]),
    ).toHaveLength(1);
  });
});

describe('an address that another link of this machine holds', () => {
  const policy: Policy = {
    ...KEEP,
    surroundings: { macs: new Set(), leased: new Map([[ADDRESS, 'br0']]) },
  };

  it.each([
    [
      'offered',
      begin(undefined),
      [[START, UP] as const, [START, reply('offer')] as const],
      'selecting',
    ],
    [
      'granted',
      begin(ADDRESS),
      [[START, UP] as const, [START, reply('ack')] as const],
      'rebooting',
    ],
  ])('is not used when it is %s', (_name, start, events, tag) => {
    const [state, effects] = play(start, events, policy);
    expect(state.tag).toBe(tag);
    expect(effects).toMatchObject([
      { ev: 'rx.drop', fields: { why: `${ADDRESS} is on br0 already` } },
    ]);
  });
});

/** The address that a client asks for to see who replies for every address. */
const controlOf = (state: State): string => heededNeighbours(state).at(-1) ?? '';

describe('a neighbour that replies for every address', () => {
  it.each<readonly [name: string, state: State, policy: Policy, now: number]>([
    ['offered', offered(FAST), FAST, START + 1],
    ['used and probed for', granted(FAST), FAST, START + 1],
    ['probed for before its use', granted(FULL), FULL, START + 1],
    ['kept after its lease', expired(FAST)[0], FAST, expired(FAST)[1] + 1],
  ])('does not cost the node the address that is %s', (_name, state, policy, now) => {
    const control = controlOf(state);
    const [doubting, asked] = play(state, [[now, claim(ADDRESS)]], policy);
    expect(tags(asked)).toEqual(['arp']);
    expect(arps(asked)).toEqual([`0.0.0.0>${control}`]);
    const [sure, said] = play(doubting, [[now + 100, claim(control)]], policy);
    expect(tags(said)).toEqual(['arp.proxy']);
    const [later, effects] = letPass(sure, now + 9000, policy);
    expect(tags(effects)).not.toContain('conflict');
    expect(later.memory.watch?.settled ?? true).toBe(true);
    expect(play(later, [[now + 9000, claim(ADDRESS)]], policy)[1]).toEqual([]);
  });

  it('that claims only this address has it, and DECLINE says how to use it all the same', () => {
    const [doubting] = play(granted(FAST), [[START + 1, claim(ADDRESS)]], FAST);
    const [again] = play(doubting, [[START + 200, claim(ADDRESS)]], FAST);
    expect(wakeTime(again)).toBe(START + 301);
    const [state, effects] = play(again, [[START + 301, TIMER]], FAST);
    expect(tags(effects)).toEqual(['conflict', 'unbind', 'send', 'decline']);
    expect(JSON.stringify(effects.at(-1))).toContain('--arp=none');
    expect(state.tag).toBe('init');
  });

  it('is not the host that has the control address alone', () => {
    const state = granted(FAST);
    const [doubting] = play(state, [[START + 1, claim(ADDRESS)]], FAST);
    const [still] = play(doubting, [[START + 2, claim(controlOf(state), GATEWAY_MAC)]], FAST);
    expect(tags(play(still, [[START + 301, TIMER]], FAST)[1])).toContain('conflict');
  });

  it('is none when two hosts claim the address', () => {
    const [doubting] = play(granted(FAST), [[START + 1, claim(ADDRESS)]], FAST);
    const [, effects] = play(doubting, [[START + 2, claim(ADDRESS, GATEWAY_MAC)]], FAST);
    expect(tags(effects)).toEqual(['conflict', 'unbind', 'send', 'decline']);
  });

  it.each([
    ['the server', SERVER_MAC, GRANT],
    [
      'anybody, when the address is alone in its subnet',
      OTHER,
      [...GRANT.slice(0, 2), entry(OPTIONS.subnetMask, '255.255.255.255')],
    ],
  ])('is known at once when it is %s', (_name, mac, options) => {
    for (const policy of [FAST, FULL]) {
      for (const state of [offered(policy, options), granted(policy, options)]) {
        expect(play(state, [[START + 1, claim(ADDRESS, mac)]], policy)[1]).toEqual([]);
      }
    }
  });
});

describe('under --strict-rfc', () => {
  it.each([OTHER, SERVER_MAC])('every claim is a conflict: %s', (mac) => {
    const strict = { ...FULL, strictRfc: true };
    expect(tags(play(granted(FULL), [[START + 1, claim(ADDRESS, mac)]], strict)[1])).toContain(
      'conflict',
    );
  });
});

describe('a host that probes for the address', () => {
  const probing: Input = { tag: 'arp', packet: probe(OTHER, ADDRESS) };

  it('before the ACK may be the server, or whoever had it before', () => {
    expect(play(offered(FAST), [[START + 1, probing]], FAST)).toEqual([offered(FAST), []]);
  });

  it('is in conflict while a granted address is probed for, and not once it is used', () => {
    expect(tags(play(granted(FULL), [[START + 1, probing]], FULL)[1])).toEqual(['arp']);
    expect(play(granted(FAST), [[START + 1, probing]], FAST)[1]).toEqual([]);
  });
});

describe('an address that nobody has', () => {
  it.each([
    [ADDRESS, 24, [SERVER]],
    ['10.0.0.254', 24, ['10.0.0.1', '10.0.0.127']],
    ['10.255.0.1', 8, []],
    ['192.168.1.6', 29, ['192.168.1.1']],
  ])('is a host of the subnet of %s/%i', (address, prefix, used) => {
    const found = unusedAddress(address, prefix, used);
    expect(isInPrefix(found, address, prefix) && isHostAddress(found, prefix)).toBe(true);
    expect([address, ...used]).not.toContain(found);
  });

  it.each([
    [30, [SERVER]],
    [31, []],
    [32, []],
  ])('is of no network where /%i has no room', (prefix, used) => {
    expect(unusedAddress('10.0.0.2', prefix, used)).toBe('192.0.2.1');
  });
});
