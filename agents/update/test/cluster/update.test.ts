import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { parseUpdate, REQUESTS, RETRY, UPDATE, updateIn } from '@kios/node-turn';
import { applyExample, CONTROL_PLANE, ControlPlane, missing } from '@kios/testkit/control-plane';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { ENTRIES } from '../../src/core/slots/names.ts';
import { TestMachine } from '../support/machine.ts';

const why = missing(CONTROL_PLANE);
if (why !== undefined) process.stderr.write(`skipped: ${why}\n`);

const WAIT = { timeout: 60_000, interval: 200 };

/** Waits until the node says so of its update, and returns all that it says. */
const says = async (machine: TestMachine, state: string) =>
  vi.waitFor(async () => {
    const update = parseUpdate((await machine.node()).annotations[UPDATE]);
    if (update?.state !== state) throw new Error(`${JSON.stringify(update)}\n${machine.said}`);
    return update;
  }, WAIT);

const annotate = (key: string, value: string | null = 'x') => ({
  metadata: { annotations: { [key]: value } },
});

const requestOf = async (machine: TestMachine): Promise<string | undefined> =>
  (await machine.node()).annotations[REQUESTS.reboot];

describe.skipIf(why !== undefined)('with a real API server', () => {
  let plane: ControlPlane;
  let kubernetes: string;

  beforeAll(async () => {
    plane = await ControlPlane.start();
    await applyExample(plane, 'update');
    const version: unknown = JSON.parse(await plane.must('GET', '/version'));
    kubernetes = v.parse(v.object({ gitVersion: v.string() }), version).gitVersion;
  }, 120_000);

  afterAll(async () => plane?.[Symbol.asyncDispose]());

  it('stages, asks, and tells how the boots went, with the rights of the manifest', async () => {
    await using machine = await TestMachine.start(plane, 'one');
    const digest = machine.mount('0.2.0', kubernetes);
    await machine.boot('boot-1');
    expect(await says(machine, 'staged')).toMatchObject({ digest, trial: false, failed: [] });
    expect(updateIn((await requestOf(machine)) ?? '')).toBe(digest);
    await machine.boot('boot-2', { running: 2, state: 'trial', good: [1] });
    expect(await says(machine, 'trial')).toMatchObject({ running: digest, trial: true });
    machine.judge({ running: 2, good: [1, 2] });
    expect(await says(machine, 'current')).toMatchObject({ running: digest, trial: false });
    expect(await requestOf(machine)).toBeUndefined();
  });

  it('is killed again and again, and stages all the same', async () => {
    await using machine = await TestMachine.start(plane, 'killed');
    machine.mount('0.2.1', kubernetes);
    for (let kill = 0; kill < 5; kill++) {
      await machine.boot('boot-1');
      await delay(200 * kill);
    }
    await machine.boot('boot-1');
    await says(machine, 'staged');
    await machine.stop();
    const [first, second, ...others] = machine.init.names(ENTRIES);
    expect([first, others]).toEqual(['kios-0001.conf', []]);
    expect(second).toMatch(/^kios-\d{4}\+3-0\.conf$/);
  });

  it('tells what failed, and tries again when a person lets it', async () => {
    await using machine = await TestMachine.start(plane, 'bad');
    const digest = machine.mount('0.3.0', kubernetes);
    await machine.boot('boot-1');
    await says(machine, 'staged');
    const failed = { generation: 2, why: 'kubelet was never Ready' };
    await machine.boot('boot-5', { failed });
    expect(await says(machine, 'failed')).toMatchObject({ failed: [digest] });
    await vi.waitFor(async () => expect(await requestOf(machine)).toBeUndefined(), WAIT);
    await machine.annotate({ [RETRY]: '1' });
    expect(await says(machine, 'staged')).toMatchObject({ failed: [] });
  });

  it('refuses a kubelet that is newer than the API server', async () => {
    await using machine = await TestMachine.start(plane, 'skew');
    machine.mount('9.0.0', 'v1.999.0');
    await machine.boot('boot-1');
    expect(await says(machine, 'refused')).toMatchObject({ code: 'KIOS_UPDATE_SKEW' });
    expect(machine.init.names(ENTRIES)).toEqual(['kios-0001.conf']);
  });

  it('may change its own Node, and of that only its annotations', async () => {
    await using machine = await TestMachine.start(plane, 'mine');
    await plane.must('POST', '/api/v1/nodes', { metadata: { name: 'other' } });
    const token = readFileSync(machine.init.at('account/token'), 'utf8');
    const patch = async (name: string, body: unknown): Promise<number> =>
      (await plane.ask('PATCH', `/api/v1/nodes/${name}`, body, token)).status;
    // The API server takes a moment to know a policy.
    await vi.waitFor(async () => expect(await patch('other', annotate(UPDATE))).toBe(403), WAIT);
    expect(await patch('mine', annotate(UPDATE))).toBe(200);
    expect(await patch('mine', annotate(REQUESTS.reboot))).toBe(200);
    expect(await patch('mine', annotate(REQUESTS.reboot, null))).toBe(200);
    expect(await patch('mine', annotate(REQUESTS.poweroff))).toBe(403);
    expect(await patch('mine', annotate(RETRY))).toBe(403);
    await machine.annotate({ [RETRY]: '1' });
    expect(await patch('mine', annotate(RETRY, null))).toBe(200);
    expect(await patch('mine', { metadata: { finalizers: ['example.com/stay'] } })).toBe(403);
    expect(await patch('mine', annotate('kios.dev/turn'))).toBe(403);
    expect(await patch('mine', { spec: { unschedulable: true } })).toBe(403);
    expect(await patch('mine', { metadata: { labels: { role: 'x' } } })).toBe(403);
  });
});
