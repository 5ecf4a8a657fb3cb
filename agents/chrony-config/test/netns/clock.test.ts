import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { bundleAgent } from '@kios/bundle';
import { readClock } from '@kios/clock';
import { requireRoot, startChronyd } from '@kios/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest';

import { SERVER, ClockNode } from '../support/clock-node.ts';

const YEAR_MS = 365.25 * 24 * 3600_000;
const SERVE = ['local stratum 8', 'allow 192.0.2.0/24'];

let bundle: string;
let node: ClockNode;

beforeAll(async () => {
  bundle = await bundleAgent(path.resolve(import.meta.dirname, '../..'));
});
beforeEach(async (context) => {
  requireRoot(context);
  node = await ClockNode.open(bundle);
});
afterEach(async () => {
  await node?.[Symbol.asyncDispose]();
});

const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();

/** Runs `wait` to its end. Returns its exit code and its last line. */
async function wait(...args: string[]): Promise<{ readonly code: number; readonly line: string }> {
  const files = ['--state', node.stateFile, '--net-dir', `${node.dir}/net`];
  const running = node.agent('wait', ...files, ...args);
  const code = Number(await running.exited);
  return { code, line: running.lines.at(-1) ?? '' };
}

describe('waiting for a sane clock', { timeout: 30_000 }, () => {
  it('takes less than 50 ms when it is one, synced or not', async () => {
    const { code, line } = await wait('--mode', 'sane', '--floor', ago(YEAR_MS));
    expect(code).toBe(0);
    expect(Number(/"ev":"clock\.sane","ms":(\d+)/.exec(line)?.[1])).toBeLessThan(50);
  });

  it.each([
    ['before the floor', -YEAR_MS, 'before'],
    ['twenty years after it', 21 * YEAR_MS, 'twenty years or more after'],
  ])('ends with 69 while it is %s', async (_, ms, side) => {
    const { code, line } = await wait('--floor', ago(ms), '--timeout', '1');
    expect(code).toBe(69);
    for (const part of ['KIOS_CLOCK', side, 'earliest possible time']) expect(line).toContain(part);
  });

  it('takes the saved time for its floor', async () => {
    await writeFile(`${node.dir}/lib/saved-time`, `${ago(-YEAR_MS)}\n`);
    const { code, line } = await wait('--saved', `${node.dir}/lib/saved-time`, '--timeout', '1');
    expect([code, line.includes('before')]).toEqual([69, true]);
  });

  it.each([
    ['--floor', 'soon'],
    ['--server', 'pool.example'],
  ])('refuses %s %s', async (flag, value) => {
    expect((await wait(flag, value)).code).toBe(64);
  });
});

/** Some workstations have a clock that is synchronised, which no test may change. */
function requireUnsynced(context: TestContext): void {
  if (readClock().synchronised) context.skip('the clock of this machine is synchronised');
}

describe('waiting for a synced clock', { timeout: 60_000 }, () => {
  beforeEach(requireUnsynced);

  it('ends with 69 while nobody disciplines it', async () => {
    const { code, line } = await wait('--mode', 'synced', '--timeout', '1');
    expect([code, line.includes('it is not synchronised')]).toEqual([69, true]);
  });

  it('believes servers of a lease that agree with it, where no chronyd runs', async () => {
    await node.connect();
    await startChronyd(node.wire.server, SERVE);
    const lease = {
      v: 1,
      if: 'eth0',
      mac: '02:00:00:00:00:01',
      state: 'bound',
      bootId: 'b',
      acquired: { boot: 1, wall: ago(0) },
      address: '192.0.2.2/24',
      lease: 3600,
      t1: 1800,
      t2: 3150,
      ntp: [SERVER],
    };
    await writeFile(`${node.dir}/net/eth0.json`, JSON.stringify(lease));
    const { code, line } = await wait('--mode', 'synced', '--timeout', '40');
    expect([code, line.includes('"ev":"clock.synced"')]).toEqual([0, true]);
  });

  it('asks nobody where chrony-config speaks for the clock', async () => {
    await node.connect();
    await startChronyd(node.wire.server, SERVE);
    await node.writeState({ synced: false });
    const { code } = await wait('--mode', 'synced', '--server', SERVER, '--timeout', '16');
    expect(code).toBe(69);
  });
});

describe('the clock as the agent publishes it', { timeout: 60_000 }, () => {
  it('goes on with the epoch of this boot', async () => {
    await node.writeState({ epoch: 3 });
    const watcher = node.watch();
    await watcher.expect('"ev":"clock.sane"');
    await watcher.stop();
    expect(await node.readState()).toMatchObject({ sane: true, epoch: 3 });
  });

  it('is in a file for Prometheus, if there is a folder for it', async () => {
    const metrics = `${node.dir}/metrics/clock.prom`;
    const first = node.watch();
    await expect
      .poll(async () => readFile(metrics, 'utf8').catch(() => ''), { timeout: 20_000 })
      .toContain('\nkios_clock_sane 1\n');
    await first.stop();
    await rm(`${node.dir}/metrics`, { recursive: true });
    const second = node.watch();
    await second.expect('"ev":"clock.sane"');
    expect(await second.stop()).toBe(0);
    await mkdir(`${node.dir}/metrics`);
  });
});

describe('a source that was silent', { timeout: 90_000 }, () => {
  it('is asked at once when the link has its carrier again', async () => {
    await node.connect();
    await writeFile(
      `${node.dir}/time.yaml`,
      `servers: [{address: ${SERVER}}]\nfallbackPools: []\n`,
    );
    const daemon = await node.startChronyd();
    const watcher = node.watch();
    await watcher.expect('"ev":"reload","ok":true');
    // At first chronyd asks several times in a row, then only once a minute.
    await expect
      .poll(async () => node.wire.client.exec('chronyc', '-h', node.socket, '-c', 'activity'), {
        timeout: 40_000,
        interval: 500,
      })
      .toMatch(/^1,0,0,0,0/);
    await startChronyd(node.wire.server, SERVE);
    const asked = watcher.expectNext('"ev":"source.asked"');
    await node.wire.client.exec('ip', 'link', 'set', 'eth0', 'down');
    await node.wire.client.exec('ip', 'link', 'set', 'eth0', 'up');
    expect(await asked).toContain(`"sources":["${SERVER}"]`);
    await daemon.expect(`Selected source ${SERVER}`, 20_000);
  });
});
