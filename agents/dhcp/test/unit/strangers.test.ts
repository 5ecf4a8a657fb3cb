import { describe, expect, it } from 'vitest';

import { wakeTime } from '../../src/core/client/machine.ts';
import { type Input, type State, UNKNOWN_NETWORK } from '../../src/core/client/model.ts';
import { begin } from '../../src/core/client/start.ts';
import { entry, OPTIONS } from '../../src/core/wire/options.ts';
import { ADDRESS, DROP, GRANT, KEEP, reply, sent, SERVER, tags } from '../support/fixtures.ts';
import { letPass, play } from '../support/play.ts';

const START = 600_000;
const T2 = START + 3_150_000;
const STRANGER = '10.88.0.1';
const UP: Input = { tag: 'carrier', up: true };
const TIMER: Input = { tag: 'timer' };

/** A reply that names a server, or none. */
function of(server: string | undefined, kind: 'nak' | 'ack' | 'offer', source = SERVER): Input {
  const options = [
    ...GRANT.slice(1),
    ...(server === undefined ? [] : [entry(OPTIONS.serverId, server)]),
  ];
  const made = reply(kind, kind === 'nak' ? options.slice(3) : options);
  return made.tag === 'reply' ? { ...made, reply: { ...made.reply, source } } : made;
}

const requesting = (offer: Input = reply('offer')): State =>
  play(
    begin(undefined),
    [
      [START, UP],
      [START, offer],
    ],
    KEEP,
  )[0];

const bound = (policy = KEEP): State => play(requesting(), [[START, reply('ack')]], policy)[0];

describe('a server that was not asked', () => {
  it.each([
    ['refuses', of(STRANGER, 'nak')],
    ['refuses without a name', of(undefined, 'nak', STRANGER)],
    ['grants', of(STRANGER, 'ack')],
    ['grants without a name', of(undefined, 'ack', STRANGER)],
  ])('%s in vain while another one is asked', (_name, stranger) => {
    const [state, effects] = play(requesting(), [[START + 1, stranger]], KEEP);
    expect(tags(effects)).toEqual(['rx.drop']);
    expect(effects[0]).toMatchObject({ fields: { why: 'not from the server that was asked' } });
    const [after, bind] = play(state, [[START + 2, reply('ack')]], KEEP);
    expect([after.tag, tags(bind)]).toEqual(['bound', ['bind']]);
    expect(after.memory.nakCount).toBe(0);
  });

  it('is told by its address where neither message names a server', () => {
    const nameless = requesting(of(undefined, 'offer'));
    const [, dropped] = play(nameless, [[START + 1, of(undefined, 'nak', STRANGER)]], KEEP);
    expect(tags(dropped)).toEqual(['rx.drop']);
    const [, refused] = play(nameless, [[START + 1, of(undefined, 'nak')]], KEEP);
    expect(tags(refused)).toEqual(['nak', 'send']);
  });

  it.each([
    ['after a start', (): State => play(begin(ADDRESS, known()), [[START, UP]], KEEP)[0], START],
    [
      'while rebinding',
      (): State =>
        play(
          bound(),
          [
            [START + 1_800_000, TIMER],
            [T2, TIMER],
          ],
          KEEP,
        )[0],
      T2,
    ],
  ])('does not undo the grant of the lease that follows: %s', (_name, asking, now) => {
    const [state, nothing] = play(asking(), [[now + 1, of(STRANGER, 'nak')]], KEEP);
    expect(nothing).toEqual([]);
    const [after, effects] = play(state, [[now + 500, reply('ack')]], KEEP);
    expect([after.tag, tags(effects)]).toEqual(['bound', ['bind']]);
  });

  it('is believed when the server of the lease says nothing in time', () => {
    const asking = play(begin(ADDRESS, known()), [[START, UP]], KEEP)[0];
    const [refused] = play(asking, [[START + 1, of(STRANGER, 'nak')]], KEEP);
    const [flooded] = play(refused, [[START + 900, of(STRANGER, 'nak')]], KEEP);
    expect(wakeTime(flooded)).toBe(START + 1001);
    const [state, effects] = letPass(flooded, START + 1001, KEEP);
    expect(tags(effects)).toEqual(['nak', 'send']);
    expect(state).toMatchObject({ tag: 'selecting', memory: { nakCount: 0, hint: ADDRESS } });
  });

  it('does not make the wait after refusals grow', () => {
    let state: State = begin(ADDRESS, known());
    for (let turn = 0; turn < 20; turn += 1) {
      const now = START + turn * 10_000;
      [state] = play(state, [[now, { tag: 'carrier', up: false }]], KEEP);
      [state] = play(
        state,
        [
          [now, UP],
          [now + 1, of(STRANGER, 'nak')],
          [now + 1001, TIMER],
        ],
        KEEP,
      );
    }
    expect(state).toMatchObject({ tag: 'selecting', memory: { nakCount: 0 } });
  });

  it('is the server of the lease in other cases, whose refusal counts at once', () => {
    const asking = play(begin(ADDRESS, known()), [[START, UP]], KEEP)[0];
    expect(tags(play(asking, [[START + 1, of(SERVER, 'nak')]], KEEP)[1])).toEqual(['nak', 'send']);
    const [dropping] = play(
      bound(DROP),
      [
        [START + 1_800_000, TIMER],
        [START + 1_800_001, of(SERVER, 'nak')],
      ],
      DROP,
    );
    expect(dropping.memory.held).toBeUndefined();
  });
});

const known = () => ({ ...UNKNOWN_NETWORK, server: SERVER });

describe('a server that does not name itself', () => {
  it('is its sender, in the request and in the lease', () => {
    const [state, effects] = play(
      begin(undefined),
      [
        [START, UP],
        [START, of(undefined, 'offer')],
      ],
      KEEP,
    );
    expect(sent(effects).options.get(OPTIONS.serverId)).toBe(SERVER);
    const [after] = play(state, [[START, of(undefined, 'ack')]], KEEP);
    expect(after.memory.held?.lease.server).toBe(SERVER);
  });

  it('behind a relay stays unknown, and is asked by broadcast', () => {
    const relayed = GRANT.slice(1);
    const [state, effects] = play(
      begin(undefined),
      [
        [START, UP],
        [START, reply('offer', relayed, { giaddr: SERVER })],
      ],
      KEEP,
    );
    expect(sent(effects).options.get(OPTIONS.serverId)).toBeUndefined();
    const [after] = play(state, [[START, reply('ack', relayed, { giaddr: SERVER })]], KEEP);
    expect(after).toMatchObject({
      tag: 'bound',
      memory: { held: { lease: { server: undefined } } },
    });
    const [, renewal] = play(after, [[START + 1_800_000, TIMER]], KEEP);
    expect(renewal).toMatchObject([{ tag: 'send', target: undefined }]);
  });

  it('extends its own lease when its reply does not say who sent it', () => {
    const extended = play(
      bound(),
      [
        [START + 1_800_000, TIMER],
        [START + 1_800_001, of(undefined, 'ack', '0.0.0.0')],
      ],
      KEEP,
    )[0];
    expect(extended.memory.held?.lease.server).toBe(SERVER);
  });
});

describe('a server that replies, but with nothing usable,', () => {
  it.each([
    ['offers of an address that is no host', reply('offer', GRANT, { yiaddr: '127.0.0.1' })],
    ['offers without a lease time', reply('offer', GRANT.slice(0, 1))],
    ['ACKs of no commit', reply('ack')],
    ['refusals', of(SERVER, 'nak')],
  ])('is not asked for less: %s', (_name, answer) => {
    let state = play(begin(undefined), [[START, UP]], KEEP)[0];
    for (let turn = 0; turn < 12; turn += 1) {
      const now = wakeTime(state) ?? 0;
      const [asked, effects] = play(
        state,
        [
          [now - 1, answer],
          [now, TIMER],
        ],
        KEEP,
      );
      expect(tags(effects)).not.toContain('degrade');
      state = asked;
    }
    expect(state.memory.network.degradeLevel).toBe(0);
  });
});
