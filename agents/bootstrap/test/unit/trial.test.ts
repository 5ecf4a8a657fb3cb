import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';

import { BootState } from '@kios/node-state';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Trial, trialFault, trialOf } from '../../src/core/files/trial.ts';
import type { Settings } from '../../src/core/settings/settings.ts';
import { NODE, nodeWith, READY } from '../support/fake-cluster.ts';
import { CA_A, CLIENT } from '../support/fixtures.ts';
import { LocalAgent } from '../support/local-agent.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
const STATE = 'var/lib/kios/bootstrap/state.json';
const BACKUP = 'var/lib/kios/bootstrap/previous.json';
const DROP_IN = 'etc/kubernetes/kubelet.conf.d/50-user.conf';

/** What init keeps of the phases that a machine reached; shared with init. */
const { phases } = BootState.entries;
const Vector = v.object({ case: v.string(), reached: phases, kept: phases });
const vectorFile = path.join(
  import.meta.dirname,
  '../../../../packages/host-api/vectors/phases.json',
);
const vectors = v.parse(v.array(Vector), JSON.parse(readFileSync(vectorFile, 'utf8')));

let node: NodeFolder;
let agent: LocalAgent;
let crashes: NodeJS.Timeout | undefined;

/** Does as init: replaces a file in one step. */
function replace(file: string, content: string): void {
  node.write(`${file}.new`, content);
  renameSync(path.join(node.root, `${file}.new`), path.join(node.root, file));
}

const uptime = (): number => Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]);

const KUBELET = { v: 1, pid: 2, mode: 'cluster', hostname: 'node-1', starts: 2 } as const;

function startKubelet(extra: object = {}): void {
  const kubelet = { ...KUBELET, startedBoot: uptime(), ...extra };
  replace('run/kios/kubelet.json', JSON.stringify(kubelet));
}

/** Does as init when kubelet keeps ending. */
function crashLoop(): void {
  crashes = setInterval(startKubelet, 30);
}

/** Does as init when kubelet has started, and when it reports that it serves. */
function reach(...names: readonly string[]): void {
  const phases = names.map((name) => JSON.stringify({ name, up: uptime() }));
  const boot = node.read('run/kios/boot.json') ?? '';
  replace('run/kios/boot.json', boot.replace('"phases":[', `"phases":[${phases.join()}`));
}

const seedDropIn = (value: string): void => {
  const kubelet = `"kubelet":{"config":{"evictionHard":{"memory.available":"${value}"}}},"node"`;
  node.seed(DOCUMENT.replace('"node"', kubelet));
};

/** Joins with one configuration of kubelet, and has the next one requested. */
async function tryDropIn(change: Partial<Settings> = {}): Promise<void> {
  seedDropIn('1Mi');
  await agent.start();
  await agent.sees('restart.sent');
  node.kubeletJoins(CLIENT);
  await agent.sees('node.ready');
  await agent.stop();
  agent.lines = [];
  agent.cluster.answers[NODE] = nodeWith({ type: 'Ready', status: 'False' });
  agent.cluster.asked.length = 0;
  seedDropIn('bad');
  await agent.start(change);
  await agent.sees('restart.sent');
}

/** Waits for the end of a rollback, and expects that another run of the agent changes nothing. */
async function expectRest(): Promise<void> {
  await agent.until(() => expect(node.read(BACKUP)).toBeUndefined());
  await agent.stop();
  agent.lines = [];
  await agent.start();
  await agent.sees('joined');
  expect(node.sent).toHaveLength(3);
}

/** Joins with a document whose node is authenticated by a program. */
async function tryProgram(): Promise<void> {
  node.write('plugins/login', '#!');
  node.seed(DOCUMENT.replace(/"auth":\{[^}]*\}/, '"auth":{"exec":{"command":"login","args":[]}}'));
  await agent.start({ rollbackSeconds: 0.5 });
  await agent.sees('restart.sent');
}

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
  agent = new LocalAgent(node);
  agent.cluster.answers[NODE] = READY;
});

afterEach(async () => {
  clearInterval(crashes);
  await agent[Symbol.asyncDispose]();
});

it.each([
  ['the recorded request', { onTrialSince: 20 }, 80],
  ['the last file, where a cut prevented the record', {}, 60],
  ["the boot's first start of kubelet, where the record is of another boot", { bootId: 'b' }, 90],
])('a trial begins with %s', (_what, recorded, seconds) => {
  const state = {
    v: 1 as const,
    instanceId: 'i-1',
    inputHash: '',
    outputHash: '',
    phase: 'restarted' as const,
    bootId: 'a',
    up: 40,
    when: '',
    restarts: [70],
    dropIdentity: false,
    userFiles: [],
    ...recorded,
  };
  const phases = [10, 50, 90].map((up) => ({ name: 'kubelet.start', up }));
  const image = { version: '0.1.0', buildTime: '2026-01-01T00:00:00Z', kernel: '6.12' };
  const boot = { v: 1, bootId: 'a', ...image, clockFloored: false, data: 'ram', phases } as const;
  const kubelet = { ...KUBELET, startedBoot: 90 };
  expect(trialOf({ state, boot, kubelet, bootId: 'a', up: 100 }).seconds).toBe(seconds);
});

it.each(vectors)('a trial is the same with the phases that init keeps: $case', (vector) => {
  const image = { version: '0.1.0', buildTime: '2026-01-01T00:00:00Z', kernel: '6.12' };
  const trialWith = (phases: BootState['phases']): Trial => {
    const boot = { v: 1, bootId: 'a', ...image, clockFloored: false, data: 'ram', phases } as const;
    return trialOf({ state: undefined, boot, kubelet: undefined, bootId: 'a', up: 1000 });
  };
  expect(trialWith(vector.kept)).toEqual(trialWith(vector.reached));
  expect(trialWith(vector.kept)).toMatchObject({ seconds: 997.8, hasServed: true });
});

it.each([
  // The agent waits until then, and the kernel tells the time in hundredths of a second.
  ['is over when its time is', 600, 600, true],
  ['is not over before', 599.99, 600, false],
  ['is never over without a limit', 1e9, 0, false],
])('a trial %s', (_what, seconds, limit, isOver) => {
  const none = { isRefused: false, hasServed: false, keepsEnding: false, servesFor: undefined };
  const trial = { seconds, ...none };
  expect(trialFault(trial, limit) !== undefined).toBe(isOver);
});

describe('a document with which kubelet keeps ending', () => {
  it('is rolled back in time, however late the last start was', async () => {
    await tryDropIn({ rollbackSeconds: 0.5 });
    crashLoop();
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(3));
    expect(node.read(DROP_IN)).toContain('1Mi');
  });

  it('is rolled back in time while the certificate is awaited', async () => {
    node.seed(DOCUMENT);
    await agent.start({ rollbackSeconds: 0.5 });
    await agent.sees('restart.sent');
    crashLoop();
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(2));
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  });

  it('is rolled back in time when its Node object was deleted meanwhile', async () => {
    await tryDropIn({ rollbackSeconds: 0.5, nodeCheckSeconds: 60 });
    crashLoop();
    await agent.until(() => expect(agent.cluster.asked.length).toBeGreaterThan(0));
    agent.cluster.answers[NODE] = { status: 404, body: '{}' };
    await agent.sees('rollback');
    expect(JSON.stringify(agent.saw('restart.sent'))).not.toContain('deleted');
  });

  it('has no more time when kubelet is restarted for another reason', async () => {
    await tryDropIn();
    const begin = /"onTrialSince":[\d.]+/.exec(node.read(STATE) ?? '')?.[0];
    expect(begin).toBeDefined();
    node.lease('10.0.2.99/24');
    await agent.until(() => expect(node.sent).toHaveLength(3));
    await agent.until(() => expect(node.read(STATE)).toMatch(/"restarts":\[[\d.]+,[\d.]+,/));
    expect(node.read(STATE)).toContain(begin);
  });

  it("has its time again after a reboot, from that boot's first start of kubelet", async () => {
    await tryDropIn();
    await agent.stop();
    node.boot({ bootId: 'boot-2', mode: 'cluster' });
    reach('kubelet.start');
    await agent.start({ rollbackSeconds: 0.5 });
    crashLoop();
    await agent.sees('rollback');
    await expectRest();
    expect(node.read(DROP_IN)).toContain('1Mi');
  });
});

describe('a document without whose drop-ins kubelet runs', () => {
  it('is rolled back at once, and not accepted because that kubelet is Ready', async () => {
    await tryDropIn();
    startKubelet({ dropInsIgnored: true });
    agent.cluster.answers[NODE] = READY;
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(3));
    expect(node.read(DROP_IN)).toContain('1Mi');
    expect(agent.saw('node.ready')).toEqual([]);
    expect(JSON.stringify(agent.saw('rollback'))).toContain('drop-ins');
  });

  it('is rolled back at once after a reboot too', async () => {
    await tryDropIn();
    await agent.stop();
    agent.cluster.answers[NODE] = READY;
    node.boot({ bootId: 'boot-2', mode: 'cluster' });
    reach('kubelet.start');
    startKubelet({ dropInsIgnored: true });
    await agent.start();
    await agent.sees('rollback');
    expect(agent.saw('node.ready')).toEqual([]);
    await expectRest();
    expect(node.read(DROP_IN)).toContain('1Mi');
  });

  it('is rolled back at once while the certificate is awaited', async () => {
    node.seed(DOCUMENT);
    await agent.start();
    await agent.sees('restart.sent');
    startKubelet({ dropInsIgnored: true });
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(2));
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  });

  it('is neither rolled back nor accepted on a node that never rolls back', async () => {
    await tryDropIn({ rollbackSeconds: 0 });
    startKubelet({ dropInsIgnored: true });
    agent.cluster.answers[NODE] = READY;
    await agent.stop();
    await agent.start({ rollbackSeconds: 0 });
    await agent.sees('joined');
    // The new lease is written after a look at the node.
    node.lease('10.0.2.99/24');
    await agent.until(() => expect(node.sent).toHaveLength(3));
    expect(agent.saw('rollback')).toEqual([]);
    expect(agent.saw('node.ready')).toEqual([]);
    expect(node.read(BACKUP)).toBeDefined();
  });

  it('does not spoil the trial of its correction, which that kubelet has not read', async () => {
    await tryDropIn({ rollbackSeconds: 0 });
    await agent.stop();
    startKubelet({ dropInsIgnored: true, startedBoot: 1 });
    agent.lines = [];
    seedDropIn('2Mi');
    await agent.start();
    await agent.sees('restart.sent');
    await agent.sees('joined');
    startKubelet();
    agent.cluster.answers[NODE] = READY;
    await agent.sees('node.ready');
    expect(agent.saw('rollback')).toEqual([]);
    expect(node.read(DROP_IN)).toContain('2Mi');
  });
});

describe('a document whose node is authenticated by a program', () => {
  it('is accepted when kubelet has come to serve with it', async () => {
    await tryProgram();
    reach('kubelet.start', 'kubelet.ready');
    startKubelet();
    await agent.until(() => expect(node.read(BACKUP)).toBeUndefined());
    expect(agent.saw('rollback')).toEqual([]);
  });

  it('is rolled back when kubelet keeps ending with it', async () => {
    await tryProgram();
    crashLoop();
    await agent.sees('rollback');
    await agent.until(() => expect(node.sent).toHaveLength(2));
    expect(node.read('etc/kubernetes/kubelet.conf')).toBeUndefined();
  });
});
