import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { access, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RunningProcess, shippedRuntime } from '@kios/testkit';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

/**
 * These tests set the clock, so they run only in a guest. `KIOS_TIME_SERVER` is a time server outside of it, which goes
 * on with the time of the workstation; `KIOS_TIME_AGENT` is the agent's program.
 */
const SERVER = process.env['KIOS_TIME_SERVER'] ?? '';
const AGENT = process.env['KIOS_TIME_AGENT'] ?? '';
const FLOOR = '2026-01-01T00:00:00Z';
const DECIDED_MS = 120_000;
/** In an emulator the two clocks cannot be read at once. */
const NEAR_SECONDS = 0.1;
/** Seconds between the epochs of NTP and Unix. */
const EPOCH = 2_208_988_800;

const timeAt = (bytes: Buffer, at: number): number =>
  bytes.readUInt32BE(at) - EPOCH + bytes.readUInt32BE(at + 4) / 2 ** 32;

/** Returns the seconds by which the clock is ahead of the server's (RFC 5905). */
async function ahead(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const socket = createSocket('udp4');
  const request = Buffer.alloc(48);
  request[0] = 0x23;
  const sent = Date.now() / 1000;
  socket.once('message', (reply) =>
    resolve((sent + Date.now() / 1000) / 2 - (timeAt(reply, 32) + timeAt(reply, 40)) / 2),
  );
  const timer = setTimeout(() => reject(new Error(`${SERVER} does not reply`)), 10_000);
  socket.send(request, 123, SERVER);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

/**
 * Returns the clock's time at which the kernel started, in seconds. It changes when the clock is stepped, and not when
 * it is slewed, because that changes the speed of the uptime too.
 */
async function startOfKernel(): Promise<number> {
  const up = Number((await readFile('/proc/uptime', 'latin1')).split(' ', 1)[0]);
  return Date.now() / 1000 - up;
}

const setClock = (seconds: number): void =>
  void execFileSync('date', ['-u', '-s', `@${seconds.toFixed(3)}`]);

/** The agent and a chronyd that may set the clock. */
interface Pod {
  readonly chronyd: RunningProcess;
  readonly watch: RunningProcess;
  /** The agent writes this file once it has followed a source and decided whether to step the clock. */
  readonly saved: string;
}

async function startPod(): Promise<Pod> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-clock-'));
  for (const name of ['net', 'platform', 'chrony', 'time', 'lib']) await mkdir(`${dir}/${name}`);
  await writeFile(`${dir}/platform/platform.json`, '{"v":1,"platform":"none"}');
  await writeFile(
    `${dir}/time.yaml`,
    `servers: [{ address: ${SERVER}, minpoll: 0, maxpoll: 0 }]\nfallbackPools: []\n`,
  );
  const said = execFileSync('chronyd', ['--version'], { encoding: 'utf8' });
  const flags = {
    config: `${dir}/time.yaml`,
    'net-dir': `${dir}/net`,
    'platform-dir': `${dir}/platform`,
    out: `${dir}/chrony`,
    socket: `${dir}/chrony/sock/chronyd.sock`,
    'state-dir': `${dir}/lib`,
    'chrony-version': /version (\S+)/.exec(said)?.[1] ?? '',
  };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const agent = (...args: string[]): RunningProcess =>
    new RunningProcess(shippedRuntime(), [AGENT, ...args], {
      ...process.env,
      KIOS_CONSOLE: `${dir}/none`,
    });
  expect(await agent('render', ...words).exited).toBe(0);
  const daemon = ['-d', '-u', 'root', '-f', `${dir}/chrony/chrony.conf`];
  const chronyd = new RunningProcess('chronyd', daemon);
  await chronyd.expect('chronyd version', DECIDED_MS);
  const saved = `${dir}/lib/saved-time`;
  const files = [`--state=${dir}/time/state.json`, `--saved=${saved}`];
  const rest = [`--resolv-conf=${dir}/none`, `--floor=${FLOOR}`];
  return { chronyd, watch: agent('watch', ...words, ...files, ...rest), saved };
}

describe('a clock', { timeout: 300_000 }, () => {
  let pod: Pod;

  beforeAll(async () => {
    const first = await readFile('/proc/1/cmdline', 'utf8');
    if (!first.includes('/guest-init.ts')) throw new Error('only a guest may have its clock set');
    for (const args of ['link set lo up', 'link set eth0 up', 'address add 10.0.2.15/24 dev eth0'])
      execFileSync('ip', args.split(' '));
  });
  afterEach(async () => {
    await pod?.watch.stop();
    await pod?.chronyd.stop();
  });

  it.each(['1970-01-02T00:00:00Z', '2100-01-01T00:00:00Z'])(
    'that begins at %s is insane until it is stepped to the time of the server, and then synced',
    async (time) => {
      setClock(Date.parse(time) / 1000);
      pod = await startPod();
      const { watch } = pod;
      await watch.expect('"ev":"clock.insane"', DECIDED_MS);
      await watch.expect('"ev":"clock.set"', DECIDED_MS);
      await watch.expect('"epoch":1', DECIDED_MS);
      await watch.expect('"ev":"clock.sane"', DECIDED_MS);
      await watch.expect('"ev":"clock.synced"', DECIDED_MS);
      expect(Math.abs(await ahead())).toBeLessThan(NEAR_SECONDS);
      expect(watch.lines.filter((line) => line.includes('"ev":"clock.set"'))).toHaveLength(1);
    },
  );

  it('that is off later is slewed', async () => {
    pod = await startPod();
    const { watch, saved } = pod;
    await watch.expect('"ev":"clock.synced"', DECIDED_MS);
    // Before its first decision the agent may still step.
    await vi.waitFor(() => access(saved), { timeout: DECIDED_MS, interval: 100 });
    const steps = (): number =>
      watch.lines.filter((line) => line.includes('"ev":"clock.set"')).length;
    const before = steps();
    setClock(Date.now() / 1000 + 0.7);
    const start = await startOfKernel();
    expect(await ahead()).toBeGreaterThan(2 * NEAR_SECONDS);
    await vi.waitFor(async () => expect(Math.abs(await ahead())).toBeLessThan(NEAR_SECONDS), {
      timeout: DECIDED_MS,
      interval: 1000,
    });
    expect(Math.abs((await startOfKernel()) - start)).toBeLessThan(NEAR_SECONDS);
    expect(steps()).toBe(before);
  });
});
