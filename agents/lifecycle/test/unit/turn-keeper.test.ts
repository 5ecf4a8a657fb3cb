import { parseTurn, type Peer, REQUESTS, TURN } from '@kios/node-turn';
import { describe, expect, it } from 'vitest';

import type { TurnKeeper } from '../../src/verbs/turn-keeper.ts';
import { Killed, pod, SmallFleet } from '../support/small-fleet.ts';

const asked = (fleet: SmallFleet, text = 'now'): void =>
  fleet.change({ annotations: { [REQUESTS.reboot]: text } });

const turnOf = ({ stored }: SmallFleet) => parseTurn(stored.annotations[TURN]);

/** Lets agents work until the turn is over and they rest. An agent that is killed is started again. */
async function settle(fleet: SmallFleet): Promise<void> {
  let agent: TurnKeeper = fleet.agent();
  for (let steps = 0; steps < 60; steps++) {
    try {
      if ((await agent.next()) === 'rest') return;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      agent = fleet.agent();
    }
    if (fleet.orders.at(-1)?.endsWith(fleet.boot) === true) {
      fleet.reboot();
      agent = fleet.agent();
    }
  }
  throw new Error(`it does not come to rest: ${JSON.stringify(fleet.events)}`);
}

function story(): SmallFleet {
  const fleet = new SmallFleet();
  fleet.running = [pod('web-1'), pod('web-2'), pod('dhcp', { fate: 'stays' })];
  asked(fleet);
  return fleet;
}

const outcomeOf = (fleet: SmallFleet) => {
  const turn = turnOf(fleet);
  return {
    phase: turn?.phase,
    bootId: turn?.bootId,
    isCordoned: fleet.stored.isCordoned,
    request: fleet.stored.annotations[REQUESTS.reboot],
    holders: fleet.place.holders,
    running: fleet.running.map(({ name }) => name),
    orders: [...new Set(fleet.orders)],
  };
};

/** What holds when a turn is over, however often the agent was killed. */
const DONE: ReturnType<typeof outcomeOf> = {
  phase: 'done',
  bootId: 'boot-2',
  isCordoned: false,
  request: undefined,
  holders: [],
  running: ['dhcp'],
  orders: ['reboot boot-1'],
};

it('cordons, drains, asks the host, and uncordons in the next boot', async () => {
  const fleet = story();
  await settle(fleet);
  expect(outcomeOf(fleet)).toEqual(DONE);
  const named = fleet.events.map(({ ev }) => ev);
  expect(named).toEqual([
    'turn.asked',
    'place.take',
    'turn.begun',
    'pod.evicted',
    'pod.evicted',
    'turn.stopping',
    'host.asked',
    'turn.done',
    'place.leave',
  ]);
});

describe('an agent that is killed', async () => {
  const whole = story();
  await settle(whole);
  const calls = Array.from({ length: whole.calls }, (_, index) => index + 1);

  it('makes many calls on its way', () => {
    expect(calls.length).toBeGreaterThan(20);
  });

  it.each(calls)('at call %i, before or after its effect, goes on', async (diesAt) => {
    for (const diesBefore of [true, false]) {
      const fleet = story();
      Object.assign(fleet, { diesAt, diesBefore });
      await settle(fleet);
      expect(outcomeOf(fleet)).toEqual(DONE);
    }
  });
});

it('reads only the annotations while nothing is asked for', async () => {
  const fleet = new SmallFleet();
  const agent = fleet.agent();
  expect(await agent.next()).toBe('rest');
  const { calls } = fleet;
  for (const _ of [1, 2, 3]) expect(await agent.next()).toBe('rest');
  expect(fleet.calls).toBe(calls + 3);
  asked(fleet);
  expect(await agent.next()).toBe('write');
});

it('asks a pod that a budget holds again after a pause, and the others meanwhile', async () => {
  const fleet = story();
  fleet.held.add('web-1');
  const agent = fleet.agent();
  for (const _ of [1, 2, 3, 4]) await agent.next();
  expect(fleet.running.map(({ name }) => name)).toEqual(['web-1', 'dhcp']);
  const { calls } = fleet;
  fleet.held.clear();
  await agent.next();
  expect(fleet.running).toHaveLength(2);
  expect(turnOf(fleet)?.message).toBe(
    '1 pods to go: default/web-1; a disruption budget holds default/web-1',
  );
  expect(fleet.calls).toBe(calls + 4);
  fleet.now += 6000;
  await agent.next();
  expect(fleet.running.map(({ name }) => name)).toEqual(['dhcp']);
});

it('evicts the pods behind one that is denied, and then says which and why', async () => {
  const fleet = story();
  fleet.denied.add('web-1');
  const agent = fleet.agent();
  for (const _ of [1, 2, 3]) await agent.next();
  await expect(agent.next()).rejects.toThrow('evict web-1');
  expect(fleet.running.map(({ name }) => name)).toEqual(['web-1', 'dhcp']);
  await agent.next();
  expect(turnOf(fleet)?.message).toBe('1 pods to go: default/web-1');
  fleet.denied.clear();
  fleet.now += 6000;
  await agent.next();
  expect(fleet.running.map(({ name }) => name)).toEqual(['dhcp']);
});

it('reads one Node more than its own while it waits for the only holder', async () => {
  const fleet = story();
  fleet.others = ['b', 'c', 'd'].map((name) => ({ name, isReady: true, isOff: false, failed: [] }));
  fleet.place = { resourceVersion: '1', holders: ['b'] };
  fleet.peers = async () => {
    throw new Error('it reads all');
  };
  const agent = fleet.agent();
  expect(await agent.next()).toBe('write');
  expect(await agent.next()).toBe('wait');
  expect(turnOf(fleet)?.message).toBe('waits for b');
});

it('takes another step when the Node has changed since it was read', async () => {
  const fleet = story();
  const write = fleet.write.bind(fleet);
  let isChanged = false;
  fleet.write = async (patch) => {
    // Somebody else is quicker once.
    if (!isChanged) fleet.change({ annotations: { other: 'x' } });
    isChanged = true;
    return write(patch);
  };
  const agent = fleet.agent();
  await agent.next();
  expect(turnOf(fleet)).toBeUndefined();
  await agent.next();
  expect(turnOf(fleet)?.phase).toBe('waiting');
});

it('keeps a cordon of others', async () => {
  const fleet = story();
  fleet.change({ annotations: {}, unschedulable: true });
  await settle(fleet);
  expect(turnOf(fleet)?.phase).toBe('done');
  expect(fleet.stored.isCordoned).toBe(true);
});

it('gives up on a host that refuses, uncordons, and says so once', async () => {
  const fleet = story();
  fleet.hostRefuses = true;
  const agent = fleet.agent();
  for (let steps = 0; steps < 12; steps++) {
    await agent.next();
    fleet.now += 30_000;
  }
  expect(turnOf(fleet)).toMatchObject({
    phase: 'failed',
    message: 'the host does not take the command',
  });
  expect(fleet.stored.isCordoned).toBe(false);
  expect(fleet.place.holders).toEqual([]);
  expect(fleet.events.filter(({ ev }) => ev === 'host.refused')).toHaveLength(1);
});

it('asks a host that has taken the command again only after a minute', async () => {
  const fleet = story();
  const agent = fleet.agent();
  while (fleet.orders.length === 0) await agent.next();
  await agent.next();
  expect(fleet.orders).toHaveLength(1);
  fleet.now += 61_000;
  await agent.next();
  expect(fleet.orders).toHaveLength(2);
});

it('reads no list of all nodes while a node on which the update failed holds it up', async () => {
  const fleet = new SmallFleet();
  const digest = 'f'.repeat(64);
  const failing: Peer = { name: 'b', isReady: true, isOff: false, failed: [digest] };
  fleet.others = [failing];
  asked(fleet, JSON.stringify({ update: digest }));
  let lists = 0;
  const peers = fleet.peers.bind(fleet);
  fleet.peers = () => {
    lists += 1;
    return peers();
  };
  const agent = fleet.agent();
  for (let looks = 0; looks < 6; looks++) await agent.next();
  expect(turnOf(fleet)?.message).toBe('waits, as this update failed on b');
  expect(lists).toBe(1);
  fleet.others = [{ ...failing, failed: [] }];
  await agent.next();
  expect(fleet.place.holders).not.toEqual([]);
});
