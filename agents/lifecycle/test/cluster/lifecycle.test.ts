import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import {
  activeTurn,
  formatRequest,
  LEASE_PATH,
  leaseView,
  parseTurn,
  REQUESTS,
  TURN,
} from '@kios/node-turn';
import { applyExample, CONTROL_PLANE, ControlPlane, missing } from '@kios/testkit/control-plane';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { TestMachine } from '../support/machine.ts';

const why = missing(CONTROL_PLANE);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const WAIT = { timeout: 90_000, interval: 200 };
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

const turnOf = async (machine: TestMachine) => parseTurn((await machine.node()).annotations[TURN]);

/** Waits until the turn of a request is over, and returns it. */
async function over(machine: TestMachine, text: string) {
  return vi.waitFor(async () => {
    const turn = await turnOf(machine);
    if (turn?.request !== text || !['done', 'failed'].includes(turn.phase))
      throw new Error(
        `${machine.name}: ${JSON.stringify(turn)}\n${machine.agent.lines.join('\n')}`,
      );
    return turn;
  }, WAIT);
}

describe.skipIf(why !== undefined)('with a real API server', () => {
  let plane: ControlPlane;

  const holders = async (): Promise<readonly string[]> => {
    const object: unknown = JSON.parse(await plane.must('GET', LEASE_PATH));
    return leaseView(object).holders;
  };

  const podsOf = async (): Promise<string> => plane.must('GET', '/api/v1/namespaces/default/pods');

  beforeAll(async () => {
    plane = await ControlPlane.start();
    await applyExample(plane, 'lifecycle');
    // Without its controller nobody makes the account of pods.
    const account = { metadata: { name: 'default' } };
    await vi.waitFor(
      () => plane.must('POST', '/api/v1/namespaces/default/serviceaccounts', account),
      WAIT,
    );
  }, 120_000);

  afterAll(async () => plane?.[Symbol.asyncDispose]());

  it('reboots a node with the rights of the manifest, and waits for a disruption budget', async () => {
    await using machine = await TestMachine.start(plane, 'alone');
    await machine.run('web', { app: 'web' });
    await machine.run('other');
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'web' } } };
    await plane.must('POST', BUDGETS, { metadata: { name: 'web' }, spec });
    await machine.annotate({ [REQUESTS.reboot]: 'first' });
    await vi.waitFor(async () => {
      const turn = await turnOf(machine);
      expect(turn?.message).toBe(
        '1 pods to go: default/web; a disruption budget holds default/web',
      );
    }, WAIT);
    expect((await machine.node()).isCordoned).toBe(true);
    expect(await holders()).toEqual(['alone']);
    expect(await podsOf()).toContain('"name":"web"');
    expect(machine.commands).toEqual([]);
    // What the disruption controller writes once another pod is ready.
    const status = {
      observedGeneration: 1,
      disruptionsAllowed: 1,
      currentHealthy: 2,
      desiredHealthy: 1,
      expectedPods: 2,
    };
    await plane.must('PATCH', `${BUDGETS}/web/status`, { status });
    expect(await over(machine, 'first')).toMatchObject({ phase: 'done', bootId: 'alone-boot-2' });
    const { isCordoned, annotations } = await machine.node();
    expect(isCordoned).toBe(false);
    expect(annotations[REQUESTS.reboot]).toBeUndefined();
    expect(machine.commands).toEqual(['reboot']);
    await vi.waitFor(async () => expect(await holders()).toEqual([]), WAIT);
    expect(await podsOf()).not.toContain('"name":"web"');
    await plane.must('DELETE', `${BUDGETS}/web`);
    await plane.must('DELETE', '/api/v1/nodes/alone');
  });

  it('gives up at the deadline of the pods, keeps a cordon of others, and takes an order back', async () => {
    await using machine = await TestMachine.start(plane, 'held');
    await machine.run('kept', { app: 'kept' });
    const spec = { maxUnavailable: 0, selector: { matchLabels: { app: 'kept' } } };
    await plane.must('POST', BUDGETS, { metadata: { name: 'kept' }, spec });
    const text = formatRequest({ drainSeconds: 3 });
    await machine.annotate({ [REQUESTS.poweroff]: text });
    expect(await over(machine, text)).toMatchObject({
      phase: 'failed',
      message: expect.stringContaining('pods did not go in 3 s: default/kept') as unknown,
    });
    expect((await machine.node()).isCordoned).toBe(false);
    await plane.must('PATCH', '/api/v1/nodes/held', { spec: { unschedulable: true } });
    await machine.annotate({ [REQUESTS.reboot]: 'again' });
    await vi.waitFor(async () => expect((await turnOf(machine))?.phase).toBe('draining'), WAIT);
    await machine.annotate({ [REQUESTS.reboot]: null });
    expect(await over(machine, 'again')).toMatchObject({ message: 'the request was withdrawn' });
    expect((await machine.node()).isCordoned).toBe(true);
    expect(machine.commands).toEqual([]);
    await plane.must('DELETE', `${BUDGETS}/kept`);
    await plane.must('DELETE', '/api/v1/nodes/held');
  });

  it(
    'takes a fleet one by one while agents are killed all the time',
    { timeout: 240_000 },
    async () => {
      await using stack = new AsyncDisposableStack();
      const fleet: TestMachine[] = [];
      for (const name of ['one', 'two', 'three'])
        fleet.push(stack.use(await TestMachine.start(plane, name)));
      for (const machine of fleet) await machine.run(`web-${machine.name}`);
      const text = formatRequest({ id: 'fleet', maxUnavailable: 1 });
      await Promise.all(fleet.map((machine) => machine.annotate({ [REQUESTS.reboot]: text })));
      const taken: string[][] = [];
      const end = new AbortController();
      const watch = async (): Promise<void> => {
        while (!end.signal.aborted) {
          const nodes = await Promise.all(fleet.map((machine) => machine.node()));
          const away = nodes.filter(({ annotations }) => {
            const turn = activeTurn(annotations[TURN]);
            return turn !== undefined && turn.phase !== 'waiting';
          });
          taken.push(away.map(({ name }) => name));
          await delay(100);
        }
      };
      const kill = async (): Promise<void> => {
        for (let turn = 0; !end.signal.aborted; turn++) {
          await delay(1500);
          await fleet[turn % fleet.length]?.killAgent();
        }
      };
      const side = Promise.all([watch(), kill()]);
      const ends = await Promise.all(fleet.map((machine) => over(machine, text))).finally(() =>
        end.abort(),
      );
      await side;
      expect(ends.map(({ phase }) => phase)).toEqual(['done', 'done', 'done']);
      expect(fleet.map(({ boots }) => boots)).toEqual([2, 2, 2]);
      expect(Math.max(...taken.map(({ length }) => length))).toBe(1);
      expect(new Set(taken.flat()).size).toBe(3);
      for (const machine of fleet) expect((await machine.node()).isCordoned).toBe(false);
      await vi.waitFor(async () => expect(await holders()).toEqual([]), WAIT);
    },
  );

  it('may change its own Node, and of that only the cordon and its annotations', async () => {
    await using machine = await TestMachine.start(plane, 'mine');
    await plane.must('POST', '/api/v1/nodes', { metadata: { name: 'other' } });
    await machine.annotate({ 'foreign.dev/x': 'y' });
    const token = readFileSync(machine.at('account/token'), 'utf8');
    const patch = async (name: string, body: unknown): Promise<number> =>
      (await plane.ask('PATCH', `/api/v1/nodes/${name}`, body, token)).status;
    const cordon = { spec: { unschedulable: true } };
    // The API server takes a moment to know a policy.
    await vi.waitFor(async () => expect(await patch('other', cordon)).toBe(403), WAIT);
    expect(await patch('mine', cordon)).toBe(200);
    expect(await patch('mine', { metadata: { annotations: { 'kios.dev/x': 'y' } } })).toBe(200);
    expect(await patch('mine', { metadata: { annotations: { 'kios.dev/x': null } } })).toBe(200);
    expect(await patch('mine', { metadata: { annotations: { 'other.dev/x': 'y' } } })).toBe(403);
    expect(await patch('mine', { metadata: { annotations: { 'foreign.dev/x': 'z' } } })).toBe(403);
    expect(await patch('mine', { metadata: { annotations: { 'foreign.dev/x': null } } })).toBe(403);
    expect(await patch('mine', { metadata: { annotations: null } })).toBe(403);
    expect((await machine.node()).annotations).toMatchObject({ 'foreign.dev/x': 'y' });
    expect(await patch('mine', { metadata: { labels: { role: 'x' } } })).toBe(403);
    const taints = [{ key: 'k', effect: 'NoSchedule' }];
    expect(await patch('mine', { spec: { taints } })).toBe(403);
  });
});
