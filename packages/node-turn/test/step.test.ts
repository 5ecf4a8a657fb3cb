import { describe, expect, it } from 'vitest';

import { peerOf, REQUESTS, type Seen, step, TURN } from '../src/index.ts';
import { asked, at, node, NOW, pod, seen, turn } from './objects.ts';

const free = { resourceVersion: '1', holders: [] };
const held = { resourceVersion: '1', holders: ['a'] };
const peers = [peerOf(node()), peerOf(node({ name: 'b' }))];

/** Returns the patch that a step writes, with the turn as a value. */
const written = (given: Partial<Seen>) => {
  const next = step(seen(given));
  if (next.tag !== 'write') throw new Error(`it does not write: ${JSON.stringify(next)}`);
  const { [TURN]: text, ...annotations } = next.patch.annotations;
  const { unschedulable } = next.patch;
  return { ev: next.ev, turn: JSON.parse(text ?? '') as unknown, annotations, unschedulable };
};

/** A node that was asked, and whose turn is to wait. */
const waiting = (options = {}) => node({ annotations: asked(turn(), options) });

describe('without a turn', () => {
  it('looks at the Lease once, and then rests', () => {
    expect(step(seen())).toEqual({ tag: 'look', at: 'lease' });
    expect(step(seen({ lease: free }))).toEqual({ tag: 'rest' });
    expect(step(seen({ isFree: true }))).toEqual({ tag: 'rest' });
  });

  it('gives back a place that an earlier turn left, even when there is a new request', () => {
    const lease = { resourceVersion: '1', holders: ['b', 'a'] };
    const leave = { tag: 'leave', lease: { resourceVersion: '1', holders: ['b'] } };
    expect(step(seen({ lease }))).toEqual(leave);
    expect(step(seen({ lease, node: node({ annotations: asked() }) }))).toEqual(leave);
  });

  it('records a request before it does anything for it', () => {
    const annotations = asked(undefined, { waitSeconds: 60 });
    const {
      ev,
      turn: next,
      unschedulable,
    } = written({ isFree: true, node: node({ annotations }) });
    expect(ev).toBe('turn.asked');
    expect(next).toMatchObject({ phase: 'waiting', request: '{"waitSeconds":60}', until: at(60) });
    expect(unschedulable).toBeUndefined();
  });

  it('answers a request that it cannot read, and removes it', () => {
    const annotations = { [REQUESTS.reboot]: '{', [REQUESTS.poweroff]: '' };
    const {
      ev,
      turn: end,
      annotations: changed,
    } = written({ isFree: true, node: node({ annotations }) });
    expect(ev).toBe('turn.refused');
    const message: unknown = expect.stringContaining('at once');
    expect(end).toMatchObject({ phase: 'failed', message });
    expect(changed).toEqual({ [REQUESTS.reboot]: null, [REQUESTS.poweroff]: null });
  });
});

describe('waiting', () => {
  it('looks at the Lease, then the fleet, then the pods, and takes a place', () => {
    expect(step(seen({ node: waiting() }))).toEqual({ tag: 'look', at: 'lease' });
    expect(step(seen({ node: waiting(), lease: free }))).toEqual({ tag: 'look', at: 'peers' });
    expect(step(seen({ node: waiting(), lease: free, peers }))).toEqual({
      tag: 'look',
      at: 'pods',
    });
    expect(step(seen({ node: waiting(), lease: free, peers, pods: [pod('x')] }))).toEqual({
      tag: 'take',
      lease: { resourceVersion: '1', holders: ['a'] },
    });
  });

  it('looks at the holders alone while they leave no room', () => {
    const lease = { resourceVersion: '1', holders: ['b'] };
    const given = { node: waiting(), lease };
    expect(step(seen(given))).toEqual({ tag: 'look', at: 'holding' });
    expect(step(seen({ ...given, holding: [peerOf(node({ name: 'b' }))] })).tag).toBe('wait');
    const everybody = { tag: 'look', at: 'peers' };
    expect(step(seen({ ...given, holding: [] }))).toEqual(everybody);
    expect(step(seen({ ...given, node: waiting({ maxUnavailable: 2 }) }))).toEqual(everybody);
  });

  it('looks at those alone for which it waited before, while they leave no room', () => {
    const c = node({ name: 'c', isReady: false });
    const given = { node: waiting(), lease: free, heldBy: ['c'] };
    expect(step(seen({ ...given, peers: [...peers, peerOf(c)] }))).toMatchObject({ heldBy: ['c'] });
    expect(step(seen(given))).toEqual({ tag: 'look', at: 'holding' });
    expect(step(seen({ ...given, holding: [peerOf(c)] })).tag).toBe('wait');
    const back = { ...given, holding: [peerOf(node({ name: 'c' }))] };
    expect(step(seen(back))).toEqual({ tag: 'look', at: 'peers' });
  });

  it('says for whom it waits, once', () => {
    const lease = { resourceVersion: '1', holders: ['b'] };
    const next = step(seen({ node: waiting(), lease, peers }));
    expect(next).toMatchObject({ tag: 'wait', report: { resourceVersion: '7' } });
    const told = node({ annotations: asked(turn({ message: 'waits for b' })) });
    expect(step(seen({ node: told, lease, peers }))).toEqual({
      tag: 'wait',
      report: undefined,
      heldBy: ['b'],
    });
  });

  it('waits for a node that is not ready for another reason', () => {
    const silent = [...peers, peerOf(node({ name: 'c', isReady: false }))];
    expect(step(seen({ node: waiting(), lease: free, peers: silent })).tag).toBe('wait');
    const two = waiting({ maxUnavailable: 2 });
    expect(step(seen({ node: two, lease: free, peers: silent }))).toEqual({
      tag: 'look',
      at: 'pods',
    });
  });

  it('takes the place of one that is gone', () => {
    const lease = { resourceVersion: '1', holders: ['deleted'] };
    expect(step(seen({ node: waiting(), lease, peers, pods: [] }))).toMatchObject({
      tag: 'take',
      lease: { holders: ['a'] },
    });
  });

  it('gives up when its time is over, and names who was away', () => {
    const lease = { resourceVersion: '1', holders: ['b'] };
    const late = node({ annotations: asked(turn({ until: at(-1) }), { waitSeconds: 9 }) });
    const { turn: end, annotations } = written({ node: late, lease, peers });
    expect(end).toMatchObject({ phase: 'failed', message: 'no turn in 9 s: waits for b' });
    expect(annotations).toEqual({ [REQUESTS.reboot]: null });
  });

  it('does not begin with a pod that nothing would make again, unless it is forced', () => {
    const pods = [pod('x'), pod('alone', { fate: 'lost' })];
    const { turn: end, unschedulable } = written({ node: waiting(), lease: free, peers, pods });
    expect(end).toMatchObject({ message: 'nothing would make default/alone again' });
    expect(unschedulable).toBeUndefined();
    const forced = waiting({ force: true });
    expect(step(seen({ node: forced, lease: free, peers, pods })).tag).toBe('take');
  });

  it('cordons and claims the cordon in one write', () => {
    const { ev, turn: next, unschedulable } = written({ node: waiting(), lease: held });
    expect(ev).toBe('turn.begun');
    expect(next).toMatchObject({ phase: 'draining', cordoned: true, until: at(600) });
    expect(unschedulable).toBe(true);
  });

  it('claims no cordon of others', () => {
    const cordoned = node({ annotations: asked(turn()), isCordoned: true });
    const { turn: next, unschedulable } = written({ node: cordoned, lease: held });
    expect(next).toMatchObject({ phase: 'draining', cordoned: false });
    expect(unschedulable).toBeUndefined();
  });

  it('ends when the request is withdrawn or another one takes its place', () => {
    const present = asked(turn());
    for (const annotations of [
      { [TURN]: present[TURN] ?? '' },
      { ...present, [REQUESTS.reboot]: 'another' },
    ]) {
      const { turn: end, annotations: changed } = written({ node: node({ annotations }) });
      expect(end).toMatchObject({ phase: 'failed', message: 'the request was withdrawn' });
      expect(changed).toEqual({});
    }
  });
});

describe('draining', () => {
  const phase = { phase: 'draining', cordoned: true } as const;
  const draining = (changes = {}, options = {}) =>
    node({ annotations: asked(turn({ ...phase, ...changes }), options), isCordoned: true });
  const stays = pod('dhcp', { fate: 'stays' });

  it('evicts what goes, and waits for what is on its way', () => {
    const pods = [pod('x'), pod('y', { isTerminating: true }), stays];
    const next = step(seen({ node: draining(), lease: held, pods }));
    expect(next).toMatchObject({ tag: 'evict', pods: [{ name: 'x' }] });
  });

  it('names what a disruption budget holds', () => {
    const pods = [pod('x')];
    const next = step(seen({ node: draining(), lease: held, pods, blocked: new Set(['uid-x']) }));
    expect(JSON.stringify(next)).toContain('a disruption budget holds default/x');
  });

  it('leaves a pod alone that nothing would make again, unless it is forced', () => {
    const pods = [pod('alone', { fate: 'lost' })];
    expect(step(seen({ node: draining(), lease: held, pods }))).toMatchObject({ pods: [] });
    const forced = draining({}, { force: true });
    expect(step(seen({ node: forced, lease: held, pods }))).toMatchObject({
      pods: [{ name: 'alone' }],
    });
  });

  it('records the boot that has to end when only those are left that stay', () => {
    const { ev, turn: next } = written({ node: draining(), lease: held, pods: [stays] });
    expect(ev).toBe('turn.stopping');
    expect(next).toMatchObject({ phase: 'stopping', bootId: 'boot-1', cordoned: true });
  });

  it('gives up when the time of the pods is over, and uncordons', () => {
    const late = draining({ until: at(-1) });
    const { turn: end, unschedulable } = written({ node: late, lease: held, pods: [pod('x')] });
    expect(end).toMatchObject({ message: 'pods did not go in 600 s: default/x' });
    expect(unschedulable).toBe(false);
  });

  it('goes on then when it is forced', () => {
    const late = draining({ until: at(-1) }, { force: true });
    expect(written({ node: late, lease: held, pods: [pod('x')] }).ev).toBe('turn.stopping');
  });

  it('keeps a cordon of others when it gives up', () => {
    const late = draining({ until: at(-1), cordoned: false });
    expect(written({ node: late, lease: held, pods: [pod('x')] }).unschedulable).toBeUndefined();
  });

  it('cordons again what somebody has uncordoned, and then owns that', () => {
    const open = { ...draining({ cordoned: false }), isCordoned: false };
    const { turn: next, unschedulable } = written({ node: open, lease: held, pods: [pod('x')] });
    expect(next).toMatchObject({ cordoned: true });
    expect(unschedulable).toBe(true);
  });

  it('ends when its place is gone', () => {
    const { turn: end } = written({ node: draining(), lease: free });
    expect(end).toMatchObject({ message: 'its place in the Lease is gone' });
  });
});

describe('stopping', () => {
  const phase = { phase: 'stopping', cordoned: true, bootId: 'boot-1' } as const;
  const stopping = (changes = {}) =>
    node({ annotations: asked(turn({ ...phase, ...changes })), isCordoned: true });

  it('asks the host while the boot is the same, however often the agent starts', () => {
    expect(step(seen({ node: stopping() }))).toEqual({ tag: 'ask', action: 'reboot' });
    const late = stopping({ until: at(-1) });
    expect(step(seen({ node: late, asked: 'taken' })).tag).toBe('ask');
  });

  it('gives up on a host that does not take the command', () => {
    const refused = { node: stopping({ until: at(-1) }), asked: 'refused' } as const;
    const { turn: end, unschedulable } = written(refused);
    expect(end).toMatchObject({ phase: 'failed', message: 'the host does not take the command' });
    expect(unschedulable).toBe(false);
  });

  it('does not take the Node of the former boot for that of this one', () => {
    const next = step(seen({ node: stopping(), bootId: 'boot-2' }));
    expect(next.tag).toBe('wait');
    const silent = { ...stopping(), bootId: 'boot-2', isReady: false };
    expect(step(seen({ node: silent, bootId: 'boot-2' })).tag).toBe('wait');
  });

  it('is done when kubelet reports the new boot Ready: uncordons, and removes the request', () => {
    const back = { ...stopping(), bootId: 'boot-2' };
    const { ev, turn: end, annotations, unschedulable } = written({ node: back, bootId: 'boot-2' });
    expect(ev).toBe('turn.done');
    expect(end).toMatchObject({
      phase: 'done',
      bootId: 'boot-2',
      since: new Date(NOW).toISOString(),
    });
    expect(annotations).toEqual({ [REQUESTS.reboot]: null });
    expect(unschedulable).toBe(false);
  });

  it('keeps a cordon of others, and a request that came meanwhile', () => {
    const { [TURN]: text = '' } = stopping({ cordoned: false }).annotations;
    const annotations = { [TURN]: text, [REQUESTS.poweroff]: '' };
    const back = node({ annotations, isCordoned: true, bootId: 'boot-2' });
    const { annotations: changed, unschedulable } = written({ node: back, bootId: 'boot-2' });
    expect(changed).toEqual({});
    expect(unschedulable).toBeUndefined();
  });
});
