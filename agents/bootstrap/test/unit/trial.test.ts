import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { trialOf } from '../../src/core/files/trial.ts';
import type { Settings } from '../../src/core/settings/settings.ts';
import type { ApiAnswer, ApiServer } from '../../src/edge/cluster/api-server.ts';
import { watch } from '../../src/verbs/watch.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: fixture('ca-a.crt') });
const STATE = 'var/lib/kios/bootstrap/state.json';
const BACKUP = 'var/lib/kios/bootstrap/previous.json';
const DROP_IN = 'etc/kubernetes/kubelet.conf.d/50-user.conf';

let node: NodeFolder;
let lines: string[] = [];
let stop: AbortController;
let watching: Promise<unknown>;
/** Requests to the API server since the document on trial. */
let looks = 0;
let crashes: NodeJS.Timeout | undefined;
let readiness: 'True' | 'False' | 'absent';

const api: ApiServer = {
  get: async () => {
    looks += 1;
    const status = { conditions: [{ type: 'Ready', status: readiness }] };
    const found: ApiAnswer = { status: 200, body: JSON.stringify({ status }) };
    return Promise.resolve(readiness === 'absent' ? { status: 404, body: '{}' } : found);
  },
};
const log = createLogger('bootstrap', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: (line: string) => lines.push(line) },
});
const saw = (ev: string): readonly string[] =>
  lines.filter((line) => line.includes(`"ev":"${ev}"`));
const waitFor = async (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000 });
const waitForEvent = async (ev: string): Promise<void> =>
  waitFor(() => expect(lines.join('')).toContain(`"ev":"${ev}"`));

function start(change: Partial<Settings> = {}): void {
  const settings = { ...node.settings, nodeCheckSeconds: 0.05, ...change };
  watching = watch({ settings, log, signal: stop.signal, openApi: () => api }).catch(
    (error: unknown) => error,
  );
}

async function endWatch(): Promise<void> {
  stop.abort();
  await watching;
  stop = new AbortController();
}

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
  start();
  await waitForEvent('restart.sent');
  node.kubeletJoins(fixture('client.crt'));
  await waitForEvent('node.ready');
  await endWatch();
  lines = [];
  readiness = 'False';
  looks = 0;
  seedDropIn('bad');
  start(change);
  await waitForEvent('restart.sent');
}

/** Waits for the end of a rollback, and expects that another run of the agent changes nothing. */
async function expectRest(): Promise<void> {
  await waitFor(() => expect(node.read(BACKUP)).toBeUndefined());
  await endWatch();
  lines = [];
  start();
  await waitForEvent('joined');
  expect(node.sent).toHaveLength(3);
}

/** Joins with a document whose node is authenticated by a program. */
async function tryProgram(): Promise<void> {
  node.write('plugins/login', '#!');
  node.seed(DOCUMENT.replace(/"auth":\{[^}]*\}/, '"auth":{"exec":{"command":"login","args":[]}}'));
  start({ rollbackSeconds: 0.5 });
  await waitForEvent('restart.sent');
}

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
  stop = new AbortController();
  watching = Promise.resolve();
  lines = [];
  readiness = 'True';
});

afterEach(async () => {
  clearInterval(crashes);
  await endWatch();
  await node[Symbol.asyncDispose]();
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

describe('a document with which kubelet keeps ending', () => {
  it('is rolled back in time, however late the last start was', async () => {
    await tryDropIn({ rollbackSeconds: 0.5 });
    crashLoop();
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(3));
    expect(node.read(DROP_IN)).toContain('1Mi');
  });

  it('is rolled back in time while the certificate is awaited', async () => {
    node.seed(DOCUMENT);
    start({ rollbackSeconds: 0.5 });
    await waitForEvent('restart.sent');
    crashLoop();
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(2));
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  });

  it('is rolled back in time when its Node object was deleted meanwhile', async () => {
    await tryDropIn({ rollbackSeconds: 0.5, nodeCheckSeconds: 60 });
    crashLoop();
    await waitFor(() => expect(looks).toBeGreaterThan(0));
    readiness = 'absent';
    await waitForEvent('rollback');
    expect(saw('restart.sent').join('')).not.toContain('deleted');
  });

  it('has no more time when kubelet is restarted for another reason', async () => {
    await tryDropIn();
    const begin = /"onTrialSince":[\d.]+/.exec(node.read(STATE) ?? '')?.[0];
    expect(begin).toBeDefined();
    node.lease('10.0.2.99/24');
    await waitFor(() => expect(node.sent).toHaveLength(3));
    await waitFor(() => expect(node.read(STATE)).toMatch(/"restarts":\[[\d.]+,[\d.]+,/));
    expect(node.read(STATE)).toContain(begin);
  });

  it("has its time again after a reboot, from that boot's first start of kubelet", async () => {
    await tryDropIn();
    await endWatch();
    node.boot({ bootId: 'boot-2', mode: 'cluster' });
    reach('kubelet.start');
    start({ rollbackSeconds: 0.5 });
    crashLoop();
    await waitForEvent('rollback');
    await expectRest();
    expect(node.read(DROP_IN)).toContain('1Mi');
  });
});

describe('a document without whose drop-ins kubelet runs', () => {
  it('is rolled back at once, and not accepted because that kubelet is Ready', async () => {
    await tryDropIn();
    startKubelet({ dropInsIgnored: true });
    readiness = 'True';
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(3));
    expect(node.read(DROP_IN)).toContain('1Mi');
    expect(saw('node.ready')).toEqual([]);
    expect(saw('rollback')[0]).toContain('drop-ins');
  });

  it('is rolled back at once after a reboot too', async () => {
    await tryDropIn();
    await endWatch();
    readiness = 'True';
    node.boot({ bootId: 'boot-2', mode: 'cluster' });
    reach('kubelet.start');
    startKubelet({ dropInsIgnored: true });
    start();
    await waitForEvent('rollback');
    expect(saw('node.ready')).toEqual([]);
    await expectRest();
    expect(node.read(DROP_IN)).toContain('1Mi');
  });

  it('is rolled back at once while the certificate is awaited', async () => {
    node.seed(DOCUMENT);
    start();
    await waitForEvent('restart.sent');
    startKubelet({ dropInsIgnored: true });
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(2));
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toBeUndefined();
  });

  it('is neither rolled back nor accepted on a node that never rolls back', async () => {
    await tryDropIn({ rollbackSeconds: 0 });
    startKubelet({ dropInsIgnored: true });
    readiness = 'True';
    await endWatch();
    start({ rollbackSeconds: 0 });
    await waitForEvent('joined');
    // The new lease is written after a look at the node.
    node.lease('10.0.2.99/24');
    await waitFor(() => expect(node.sent).toHaveLength(3));
    expect(saw('rollback')).toEqual([]);
    expect(saw('node.ready')).toEqual([]);
    expect(node.read(BACKUP)).toBeDefined();
  });

  it('does not spoil the trial of its correction, which that kubelet has not read', async () => {
    await tryDropIn({ rollbackSeconds: 0 });
    await endWatch();
    startKubelet({ dropInsIgnored: true, startedBoot: 1 });
    lines = [];
    seedDropIn('2Mi');
    start();
    await waitForEvent('restart.sent');
    await waitForEvent('joined');
    startKubelet();
    readiness = 'True';
    await waitForEvent('node.ready');
    expect(saw('rollback')).toEqual([]);
    expect(node.read(DROP_IN)).toContain('2Mi');
  });
});

describe('a document whose node is authenticated by a program', () => {
  it('is accepted when kubelet has come to serve with it', async () => {
    await tryProgram();
    reach('kubelet.start', 'kubelet.ready');
    startKubelet();
    await waitFor(() => expect(node.read(BACKUP)).toBeUndefined());
    expect(saw('rollback')).toEqual([]);
  });

  it('is rolled back when kubelet keeps ending with it', async () => {
    await tryProgram();
    crashLoop();
    await waitForEvent('rollback');
    await waitFor(() => expect(node.sent).toHaveLength(2));
    expect(node.read('etc/kubernetes/kubelet.conf')).toBeUndefined();
  });
});
