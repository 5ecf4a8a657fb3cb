import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RunningProcess } from '@kios/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { run } from '../../src/workstation/run.ts';
import {
  buildShutdownPrograms,
  eventsOf,
  type FakePod,
  type ShutdownPrograms,
  startKubelet,
} from '../support/shutdown/programs.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 1_800_000 });

/** Kubelet 1.36 cannot take a signal at once; init waits that long before it tells a kubelet that has just started. */
const REGISTERING_MS = 3000;
const OUTCOME_MS = 60_000;
const LOGIND = '/etc/systemd/logind.conf.d/99-kubelet.conf';
const CRITICAL = 2_000_001_000;

const quick: FakePod = { name: 'quick', priority: 0, graceSeconds: 30, takesMs: 300 };
/** Its own grace period is longer than its group's time. */
const stubborn: FakePod = { name: 'stubborn', priority: 10, graceSeconds: 30, takesMs: 60_000 };
const dhcp: FakePod = { name: 'dhcp', priority: CRITICAL, graceSeconds: 8, takesMs: 700 };
/** A static pod without a number. */
const plain: FakePod = { name: 'plain', priority: 0, graceSeconds: 1, takesMs: 60_000 };
const TIMES = { periodSeconds: 5, criticalSeconds: 3 };

let home = '';
let programs: ShutdownPrograms;
let bus = '';
let init: RunningProcess;
let running: AsyncDisposableStack;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'kios-shutdown-'));
  programs = await buildShutdownPrograms(home);
});
afterAll(() => rm(home, { recursive: true, force: true }));

let count = 0;
beforeEach(async () => {
  running = new AsyncDisposableStack();
  bus = path.join(home, `bus-${count++}`);
  init = running.use(new RunningProcess(programs.stand, [bus]));
  await init.expect('listening');
});
afterEach(() => running.disposeAsync());

const kubeletWith = async (...pods: readonly FakePod[]): Promise<RunningProcess> =>
  running.use(await startKubelet(programs.kubelet, bus, { ...TIMES, pods }));

const beginStop = (): boolean => process.kill(init.pid, 'SIGUSR1');
const callOff = (): boolean => process.kill(init.pid, 'SIGUSR2');

/** Returns how a stop ended, and the milliseconds until then. */
async function outcome(): Promise<readonly [outcome: string, ms: number]> {
  const [, name = '', ms = ''] = (await init.expect(/^outcome /, OUTCOME_MS)).split(' ');
  return [name, Number(ms)];
}

it('ends users’ pods first and waits for all, each with its own time', async () => {
  const kubelet = await kubeletWith(dhcp, quick, stubborn, plain);
  beginStop();
  const [name, ms] = await outcome();
  expect(name).toBe('done');
  expect(ms).toBeGreaterThan(2000 + 700);
  expect(ms).toBeLessThan(REGISTERING_MS + TIMES.periodSeconds * 1000 + 2000);
  const events = eventsOf(kubelet);
  const asked = events.filter(({ event }) => event === 'asked');
  expect(asked.find((one) => one.event === 'asked' && one.pod === 'stubborn')).toMatchObject({
    graceSeconds: 2,
    phase: 'Failed',
    reason: 'Terminated',
  });
  const at = (event: string, pod: string): number =>
    events.findIndex((one) => one.event === event && 'pod' in one && one.pod === pod);
  for (const { name: pod } of [quick, plain])
    expect(at('ended', pod)).toBeLessThan(at('asked', 'dhcp'));
  // Its grace period and kubelet's wait for its group are the same 2 s, so either may end first.
  expect(at('ended', 'stubborn')).toBeGreaterThan(at('ended', 'quick'));
  expect(at('ended', 'dhcp')).toBe(events.length - 1);
  expect(events).toContainEqual({ event: 'status', shuttingDown: true });
});

it('writes no file for logind, and init reads its time from its log', async () => {
  const isThere = existsSync(LOGIND);
  const configuration = { periodSeconds: 3600, criticalSeconds: 30, pods: [quick] };
  const kubelet = running.use(await startKubelet(programs.kubelet, bus, configuration));
  expect(existsSync(LOGIND)).toBe(isThere);
  const log = await kubelet.expect('Creating node shutdown manager');
  expect((await run(programs.stand, ['grace'], { input: `${log}\n` })).trim()).toBe('3600');
  expect(init.lines).not.toContain('too long');
});

it('goes on with the pods that are left when it was killed and starts again', async () => {
  const killed = await kubeletWith(stubborn, dhcp);
  beginStop();
  await killed.expect('"asked"');
  await killed.stop('SIGKILL');
  const second = await kubeletWith(dhcp);
  const [name] = await outcome();
  expect(name).toBe('done');
  expect(eventsOf(second)).toContainEqual({ event: 'ended', pod: 'dhcp' });
});

it('is given up when it hangs', async () => {
  const kubelet = await kubeletWith(dhcp);
  await vi.waitFor(() => expect(kubelet.lines).toContain('{"event":"started"}'));
  process.kill(kubelet.pid, 'SIGSTOP');
  try {
    beginStop();
    const [name, ms] = await outcome();
    expect(name).toBe('hung');
    expect(ms).toBeLessThan(30_000);
  } finally {
    process.kill(kubelet.pid, 'SIGCONT');
  }
});

it('is not waited for when there is none', async () => {
  beginStop();
  const [name, ms] = await outcome();
  expect(name).toBe('absent');
  expect(ms).toBeLessThan(1000);
});

it('runs on when a stop is called off, and a new one takes part in the next', async () => {
  const first = await kubeletWith(dhcp);
  beginStop();
  await first.expect('"asked"');
  callOff();
  await first.expect('{"event":"shutting-down","is":false}');
  const told = first.lines.length;
  beginStop();
  await first.stop();
  const second = await kubeletWith(dhcp);
  await second.expect('"ended"', OUTCOME_MS);
  expect(first.lines.slice(told).join('\n')).not.toContain('"asked"');
  await vi.waitFor(() => expect(init.lines.at(-1)).toMatch(/^outcome done /), OUTCOME_MS);
});
