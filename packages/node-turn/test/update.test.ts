import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  formatUpdate,
  parseTurn,
  parseUpdate,
  peerOf,
  REQUESTS,
  step,
  TURN,
  UPDATE,
  type Update,
  updateIn,
  verdictOf,
} from '../src/index.ts';
import { FleetModel } from './fleet-model.ts';
import { asked, at, node, NOW, pod, seen, turn } from './objects.ts';

const OLD = '0'.repeat(64);
const NEW = 'f'.repeat(64);

const update = (changes: Partial<Update> = {}): Update => ({
  v: 1,
  bootId: 'boot-2',
  state: 'staged',
  version: '0.2.0',
  digest: NEW,
  running: OLD,
  trial: false,
  failed: [],
  ...changes,
});

describe('what a node says of its update', () => {
  it.each([
    ['nothing', undefined, 'silent'],
    ['something of a boot before', update({ bootId: 'boot-1', running: NEW }), 'silent'],
    ['that nobody knows what runs', { ...update(), running: undefined }, 'open'],
    ['that it is on trial', update({ running: NEW, trial: true }), 'open'],
    ['that it runs, confirmed', update({ running: NEW, state: 'current' }), 'good'],
    ['that it came back, which others see by then', update({ failed: [NEW] }), 'back'],
    ['that another system runs, which others do not see yet', update(), 'open'],
    ['that another system is on trial', update({ trial: true, failed: [NEW] }), 'open'],
    ['that it runs, confirmed, after it failed', update({ running: NEW, failed: [NEW] }), 'good'],
  ])('%s', (_, says, verdict) => {
    expect(verdictOf(says && JSON.stringify(says), 'boot-2', NEW)).toBe(verdict);
  });

  it.each(['', '{', '{}', '{"v":2}', JSON.stringify({ ...update(), digest: 'x' })])(
    'is nothing when no agent wrote it: %j',
    (text) => expect(parseUpdate(text)).toBeUndefined(),
  );

  it('is read as it was written', () =>
    expect(parseUpdate(formatUpdate(update({ code: 'C', message: 'm' })))).toEqual(
      update({ code: 'C', message: 'm' }),
    ));

  it.each([
    ['now', undefined],
    ['{', undefined],
    ['{"id":"x"}', undefined],
    [`{"update":"${NEW}"}`, NEW],
    ['{"update":"new"}', undefined],
  ])('a request %s is for %s', (text, digest) => expect(updateIn(text)).toBe(digest));
});

const others = (failed: readonly string[]) => [
  peerOf(node()),
  peerOf(
    node({ name: 'b', annotations: { [UPDATE]: formatUpdate(update({ failed: [...failed] })) } }),
  ),
];

describe('a turn for an update', () => {
  const free = { resourceVersion: '1', holders: [] };
  const waiting = node({ annotations: asked(turn(), { update: NEW }) });
  it('does not begin once a node came back from it', () => {
    const next = step(seen({ node: waiting, lease: free, peers: others([NEW]), pods: [] }));
    if (next.tag !== 'wait') throw new Error(next.tag);
    expect(parseTurn(next.report?.annotations[TURN] ?? '')?.message).toBe(
      'waits, as this update failed on b',
    );
  });

  it('begins when nodes came back from other ones alone, and a reboot begins in any case', () => {
    const pods = [pod('x')];
    const at = { lease: free, pods };
    expect(step(seen({ ...at, node: waiting, peers: others([OLD]) })).tag).toBe('take');
    const plain = node({ annotations: asked(turn()) });
    expect(step(seen({ ...at, node: plain, peers: others([NEW]) })).tag).toBe('take');
  });

  it('looks at one such node alone, however many nodes there are', () => {
    const next = step(seen({ node: waiting, lease: free, peers: others([NEW]), pods: [] }));
    if (next.tag !== 'wait') throw new Error(next.tag);
    const { heldBy } = next;
    expect(heldBy).toEqual(['b']);
    const again = { node: waiting, lease: free, heldBy };
    expect(step(seen(again))).toEqual({ tag: 'look', at: 'holding' });
    expect(step(seen({ ...again, holding: others([NEW]) })).tag).toBe('wait');
    const mended = step(seen({ ...again, holding: others([]) }));
    expect(mended).toEqual({ tag: 'look', at: 'peers' });
  });

  const stopping = (says: Update | undefined, seconds = 0) => {
    const present = { phase: 'stopping', bootId: 'boot-1', cordoned: true, since: at(0) } as const;
    const annotations = asked(turn(present), { update: NEW });
    const told = says === undefined ? {} : { [UPDATE]: formatUpdate(says) };
    return step(
      seen({
        now: NOW + seconds * 1000,
        bootId: 'boot-2',
        node: node({
          bootId: 'boot-2',
          isCordoned: true,
          annotations: { ...annotations, ...told },
        }),
      }),
    );
  };

  it('keeps its place while nothing is certain', () => {
    expect(stopping(undefined).tag).toBe('wait');
    expect(stopping(update({ running: NEW, trial: true })).tag).toBe('wait');
    expect(stopping(update()).tag).toBe('wait');
  });

  it('ends after hours in which nobody says what runs, is uncordoned, and holds up this update', () => {
    expect(stopping(undefined, 7199).tag).toBe('wait');
    const end = stopping(undefined, 7200);
    expect(end).toMatchObject({
      tag: 'write',
      ev: 'turn.failed',
      turn: { message: 'nobody has said for 2 hours which system runs', isUnjudged: true },
      patch: { unschedulable: false, annotations: { [REQUESTS.reboot]: null } },
    });
    if (end.tag !== 'write') throw new Error(end.tag);
    const annotations = { [TURN]: end.patch.annotations[TURN] ?? '' };
    const failedOn = (says: Update | undefined) =>
      peerOf(
        node({
          annotations: says ? { ...annotations, [UPDATE]: formatUpdate(says) } : annotations,
        }),
      ).failed;
    expect(failedOn(undefined)).toEqual([NEW]);
    expect(failedOn(update({ running: NEW, trial: true }))).toEqual([NEW]);
    expect(failedOn(update({ running: NEW }))).toEqual([]);
  });

  it('is done when the update is confirmed', () => {
    expect(stopping(update({ running: NEW, state: 'current' }))).toMatchObject({
      tag: 'write',
      ev: 'turn.done',
      patch: { unschedulable: false },
    });
  });

  it('has failed when the node came back on another version, and uncordons it', () => {
    expect(stopping(update({ failed: [NEW] }))).toMatchObject({
      tag: 'write',
      ev: 'turn.failed',
      turn: { message: 'the node came back on another version' },
      patch: { unschedulable: false, annotations: { [REQUESTS.reboot]: null } },
    });
  });
});

/** What each node's update agent writes after a boot. */
function report(fleet: FleetModel, name: string, isBad: boolean): void {
  const boots = fleet.machines.find((machine) => machine.name === name)?.boots ?? 1;
  const isNew = boots > 1 && !isBad;
  const says = update({
    bootId: `${name}-${boots}`,
    running: isNew ? NEW : OLD,
    failed: boots > 1 && isBad ? [NEW] : [],
  });
  if (fleet.annotations(name)[UPDATE] !== formatUpdate(says))
    fleet.annotate(name, { [UPDATE]: formatUpdate(says) });
}

describe('a fleet that is updated', () => {
  const SIZE = 4;

  /** Lets every part act once, in an order that nobody guarantees. */
  const ACTS = ['run', 'kubelet', 'stop', 'notice', 'report', 'kill'] as const;
  const acts = fc.array(
    fc.record({
      what: fc.oneof(
        { weight: 30, arbitrary: fc.constantFrom(...ACTS.slice(0, -1)) },
        { weight: 1, arbitrary: fc.constant('kill' as const) },
      ),
      node: fc.nat(SIZE - 1),
    }),
    { maxLength: 400, size: 'max' },
  );

  it('stops at the first node that came back', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(acts, fc.nat(SIZE - 1), (given, bad) => {
        const fleet = new FleetModel(SIZE);
        for (const { name } of fleet.machines) fleet.requestUpdate(name, NEW);
        const act = (what: (typeof ACTS)[number], index: number): void => {
          const machine = fleet.machines[index];
          if (machine === undefined) return;
          if (what === 'report') report(fleet, machine.name, index === bad);
          else fleet[what](machine);
        };
        given.forEach(({ what, node: index }) => act(what, index));
        for (let round = 0; round < 400; round++)
          for (let index = 0; index < SIZE; index++)
            for (const what of ACTS.slice(0, -1)) act(what, index);
        const ends = fleet.machines.map(({ name }) => parseTurn(fleet.annotations(name)[TURN]));
        // Whoever was not done before waits still, and nobody holds a place.
        const expected = fleet.machines.map(({ boots }, index) => {
          if (index === bad) return 'failed';
          return boots > 1 ? 'done' : 'waiting';
        });
        expect(ends.map((end) => end?.phase)).toEqual(expected);
        expect(fleet.holders).toEqual([]);
        expect(fleet.machines.map(({ name }) => fleet.at(name).isCordoned)).not.toContain(true);
      }),
      { numRuns: 60 },
    );
  });
});
