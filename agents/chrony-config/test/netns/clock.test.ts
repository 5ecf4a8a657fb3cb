import { mkdir, readFile, writeFile } from 'node:fs/promises';

import { formatState, readState, TimeState } from '@kios/node-state';
import { requireRoot, type RunningProcess } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { bundleTimeAgent, DECIDED_MS, NODE, SERVER, TimePod } from '../support/time-pod.ts';

const YEAR_MS = 365.25 * 24 * 3600_000;

let bundle: string;
beforeAll(async () => {
  bundle = await bundleTimeAgent();
}, 120_000);
beforeEach(requireRoot);

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const stateFile = ({ dir }: TimePod): string => `${dir}/time/state.json`;

async function writeState(pod: TimePod, state: Partial<TimeState>): Promise<void> {
  const known = { v: 1, sane: true, synced: false, since: '2026-11-01T00:00:00Z' } as const;
  await writeFile(stateFile(pod), formatState(TimeState, { ...known, ...state }));
}

/** Returns how a program ended: its exit code and its last line. */
async function endOf(running: RunningProcess) {
  const code = Number(await running.exited);
  return { code, line: running.lines.at(-1) ?? '' };
}

const waitArgs = (pod: TimePod, args: readonly string[]): string[] => [
  'wait',
  `--state=${stateFile(pod)}`,
  `--net-dir=${pod.dir}/net`,
  ...args,
];

/** Runs `wait` to its end. */
const wait = (pod: TimePod, ...args: string[]) => endOf(pod.agent(...waitArgs(pod, args)));

/** Runs `wait --mode synced` to its end, on a clock that nobody disciplines. */
const waitUnsynced = (pod: TimePod, ...args: string[]) =>
  endOf(pod.agentSeeing('unsynced', ...waitArgs(pod, ['--mode', 'synced', ...args])));

describe('waiting for a sane clock', { timeout: 60_000 }, () => {
  it('takes less than 50 ms when it is one, synced or not', async () => {
    await using pod = await TimePod.open(bundle);
    let best = Infinity;
    // A busy machine lets some runs wait for others; the work itself is that of the fastest.
    for (let run = 0; run < 10 && best >= 50; run++) {
      const { code, line } = await wait(pod, '--mode', 'sane', '--floor', ago(YEAR_MS));
      expect(code).toBe(0);
      best = Math.min(best, Number(/"ev":"clock\.sane","ms":(\d+)/.exec(line)?.[1]));
    }
    expect(best).toBeLessThan(50);
  });

  it.each([
    ['before the floor', -YEAR_MS, 'before'],
    ['twenty years after it', 21 * YEAR_MS, 'twenty years or more after'],
  ])('ends with 69 while it is %s', async (_, ms, side) => {
    await using pod = await TimePod.open(bundle);
    const { code, line } = await wait(pod, '--floor', ago(ms), '--timeout', '1');
    expect(code).toBe(69);
    for (const part of ['KIOS_CLOCK', side, 'earliest possible time']) expect(line).toContain(part);
  });

  it('takes the saved time for its floor', async () => {
    await using pod = await TimePod.open(bundle);
    const saved = `${pod.dir}/lib/saved-time`;
    await writeFile(saved, `${ago(-YEAR_MS)}\n`);
    const { code, line } = await wait(pod, '--saved', saved, '--timeout', '1');
    expect([code, line.includes('before')]).toEqual([69, true]);
  });

  it.each([
    ['--floor', 'soon'],
    ['--server', 'pool.example'],
  ])('refuses %s %s', async (flag, value) => {
    await using pod = await TimePod.open(bundle);
    expect((await wait(pod, flag, value)).code).toBe(64);
  });
});

// Nearly all of the time is spent waiting.
const OPTIONS = { timeout: 240_000, concurrent: true } as const;

describe('waiting for a synced clock', OPTIONS, () => {
  it('is over when the kernel says that it is one', async () => {
    await using pod = await TimePod.open(bundle);
    const args = waitArgs(pod, ['--mode', 'synced', '--timeout', '1']);
    const { code, line } = await endOf(pod.agentSeeing('synced', ...args));
    expect([code, line.includes('"ev":"clock.synced"')]).toEqual([0, true]);
  });

  it('ends with 69 while nobody disciplines it', async () => {
    await using pod = await TimePod.open(bundle);
    const { code, line } = await waitUnsynced(pod, '--timeout', '1');
    expect([code, line.includes('it is not synchronised')]).toEqual([69, true]);
  });

  it('believes servers of a lease that agree with it, where no chronyd runs', async () => {
    await using pod = await TimePod.open(bundle);
    await pod.connect(`${NODE}/24`);
    const server = await pod.serve(SERVER);
    await pod.lease([SERVER]);
    const { code, line } = await waitUnsynced(pod, '--timeout', '90');
    expect([code, line.includes('"ev":"clock.synced"')]).toEqual([0, true]);
    expect(server.requests).toBe(3);
  });

  it('does not believe servers that have another time, and says so', async () => {
    await using pod = await TimePod.open(bundle);
    await pod.connect(`${NODE}/24`);
    await pod.serve(SERVER, { offsetSeconds: 3600 });
    const { code, line } = await waitUnsynced(pod, '--server', SERVER, '--timeout', '25');
    expect(code).toBe(69);
    expect(line).toMatch(/it is off by (?:3599|3600) s, as 192\.0\.2\.1 say/);
  });

  it('believes none of two that contradict each other', async () => {
    await using pod = await TimePod.open(bundle);
    const other = '192.0.2.7';
    await pod.connect(`${NODE}/24`);
    await pod.serve(SERVER, { offsetSeconds: 3600 });
    await pod.serve(other);
    const servers = ['--server', SERVER, '--server', other];
    const { code, line } = await waitUnsynced(pod, ...servers, '--timeout', '25');
    expect([code, line.includes('it is not synchronised')]).toEqual([69, true]);
  });

  it('asks nobody where chrony-config speaks for the clock', async () => {
    await using pod = await TimePod.open(bundle);
    await pod.connect(`${NODE}/24`);
    const server = await pod.serve(SERVER);
    await writeState(pod, { synced: false });
    const { code } = await waitUnsynced(pod, '--server', SERVER, '--timeout', '15');
    expect([code, server.requests]).toEqual([69, 0]);
  });
});

describe('the clock as the agent publishes it', { timeout: 60_000 }, () => {
  it('goes on with the epoch of this boot', async () => {
    await using pod = await TimePod.open(bundle);
    await writeState(pod, { epoch: 3 });
    await pod.render();
    const watch = pod.watch();
    await watch.expect('"ev":"clock.sane"');
    await watch.stop();
    expect(await readState(TimeState, stateFile(pod))).toMatchObject({ sane: true, epoch: 3 });
  });

  it('is in a file for Prometheus, if there is a folder for it', async () => {
    await using pod = await TimePod.open(bundle);
    await pod.render();
    const without = pod.watch();
    await without.expect('"ev":"clock.sane"');
    expect(await without.stop()).toBe(0);
    await mkdir(`${pod.dir}/metrics`);
    const watch = pod.watch();
    const metrics = async (): Promise<string> =>
      readFile(`${pod.dir}/metrics/clock.prom`, 'utf8').catch(() => '');
    await expect.poll(metrics, { timeout: 20_000 }).toContain('\nkios_clock_sane 1\n');
    expect(await watch.stop()).toBe(0);
  });
});

describe('a source that was silent', OPTIONS, () => {
  it('is asked at once when the link has its carrier again', async () => {
    await using pod = await TimePod.open(bundle);
    await pod.connect(`${NODE}/24`);
    await pod.configure(`servers: [{ address: ${SERVER} }]\nfallbackPools: []\n`);
    const { chronyd, watch } = await pod.start();
    // At first chronyd asks several times in a row, then only once a minute.
    await expect
      .poll(async () => pod.chronyc('activity'), { timeout: 60_000, interval: 500 })
      .toMatch(/^1,0,0,0,0/);
    await pod.serve(SERVER);
    const asked = watch.expectNext('"ev":"source.asked"', 20_000);
    for (const state of ['down', 'up'])
      await pod.wire.client.exec('ip', 'link', 'set', 'eth0', state);
    expect(await asked).toContain(`"sources":["${SERVER}"]`);
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
  });
});
