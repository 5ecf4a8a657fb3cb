import { watch as watchFolder } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import {
  requireRoot,
  type RunningProcess,
  shippedRuntime,
  startChronyd,
  Wire,
} from '@kios/testkit';
import { type NtpServer, startNtpServer } from '@kios/testkit/ntp';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { bundleTimeAgent } from '../support/time-pod.ts';

const RUNTIME = shippedRuntime();
const SERVER = '192.0.2.1';
const DAY_MS = 24 * 3600_000;
const RELOADED = '"ev":"reload","ok":true';

const lease = (ntp: readonly string[], link = 'eth0'): string =>
  JSON.stringify({
    v: 1,
    if: link,
    mac: '02:00:00:00:00:01',
    state: 'bound',
    bootId: 'b',
    acquired: { boot: 1, wall: '2026-11-22T00:00:00.000Z' },
    address: '192.0.2.2/24',
    lease: 3600,
    t1: 1800,
    t2: 3150,
    ntp,
  });

/** Reports each change of a file below a folder. */
function watchFiles(folder: string, onChange: (file: string, event: string) => void): Disposable {
  const folders = ['', 'net', 'time', 'lib', 'chrony', 'chrony/sources.d', 'chrony/sock'];
  const watchers = folders.map((name) =>
    watchFolder(path.join(folder, name), (event, file) =>
      onChange(path.join(name, file ?? ''), event),
    ),
  );
  return { [Symbol.dispose]: () => watchers.forEach((watcher) => watcher.close()) };
}

describe('chrony-config beside a real chronyd', { timeout: 60_000 }, () => {
  let bundle: string;
  let dir: string;
  let wire: Wire;
  let version: string;

  beforeAll(async () => {
    bundle = await bundleTimeAgent();
  });
  beforeEach(async (context) => {
    requireRoot(context);
    dir = await mkdtemp(path.join(tmpdir(), 'kios-time-'));
    for (const name of ['net', 'platform', 'chrony', 'time', 'lib']) await mkdir(`${dir}/${name}`);
    await writeFile(`${dir}/platform/platform.json`, '{"v":1,"platform":"none"}');
    wire = await Wire.open(`${SERVER}/24`);
    const [, found = ''] =
      /version (\S+)/.exec(await wire.client.exec('chronyd', '--version')) ?? [];
    version = found;
    await wire.client.exec('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0');
    await wire.client.exec('ip', 'link', 'set', 'eth0', 'up');
  });
  afterEach(async () => {
    await wire?.[Symbol.asyncDispose]();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  const socket = (): string => `${dir}/chrony/sock/chronyd.sock`;
  const agent = (...args: string[]): RunningProcess =>
    wire.client.start(RUNTIME, [bundle, ...args], {
      ...process.env,
      KIOS_CONSOLE: `${dir}/none`,
    });
  const folders = (): string[] =>
    `--config ${dir}/time.yaml --net-dir ${dir}/net --platform-dir ${dir}/platform --out ${dir}/chrony --socket ${socket()} --state-dir ${dir}/lib --chrony-version ${version}`.split(
      ' ',
    );
  const render = async (): Promise<void> => {
    expect(await agent('render', ...folders()).exited).toBe(0);
  };
  const watch = (): RunningProcess =>
    agent(
      'watch',
      ...folders(),
      '--resolv-conf',
      `${dir}/none`,
      '--state',
      `${dir}/time/state.json`,
      '--saved',
      `${dir}/lib/saved-time`,
      '--floor',
      new Date(Date.now() - DAY_MS).toISOString(),
    );
  // -x: tests must not set the clock of the machine they run on.
  const chronyd = (): RunningProcess =>
    wire.client.start('chronyd', ['-d', '-x', '-u', 'root', '-f', `${dir}/chrony/chrony.conf`]);
  const sources = async (): Promise<string[]> => {
    const csv = await wire.client.exec('chronyc', '-h', socket(), '-c', '-n', 'sources');
    return csv
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(',')[2] ?? '');
  };
  const writeLease = (ntp: readonly string[]): Promise<void> =>
    writeFile(`${dir}/net/eth0.json`, lease(ntp));

  it('makes a new lease a source of the running chronyd, which then follows it', async () => {
    await startChronyd(wire.server, ['local stratum 8', 'allow 192.0.2.0/24']);
    await render();
    const daemon = chronyd();
    await daemon.expect('chronyd version');
    const watcher = watch();
    await watcher.expect(RELOADED);
    expect(await sources()).toEqual([]);

    const reloaded = watcher.expectNext(RELOADED);
    await writeLease([SERVER]);
    await reloaded;
    expect(await sources()).toEqual([SERVER]);
    await daemon.expect(`Selected source ${SERVER}`, 30_000);
    const status = agent('status', '--socket', socket(), '--state', `${dir}/time/state.json`);
    expect(await status.expect('"ev":"status"')).toMatch(
      new RegExp(`"sane":true.*"tracking":{"source":"${SERVER}","stratum":9,"offset":-?[0-9.e-]+}`),
    );
    expect(daemon.lines.join('\n')).not.toMatch(/Could not|Wrong|rror/);
    expect(await watcher.stop()).toBe(0);
    expect(await readdir(`${dir}/chrony/sock`)).not.toContainEqual(expect.stringMatching(/^kios-/));
  });

  it('keeps the last known servers when the lease is lost or incomplete, and takes the next ones', async () => {
    await writeLease([SERVER]);
    await render();
    const daemon = chronyd();
    await daemon.expect('chronyd version');
    const watcher = watch();
    await watcher.expect(RELOADED);
    const torn = watcher.expectNext('input.bad');
    await writeFile(`${dir}/net/eth0.json`, '{"v":1,');
    await torn;
    await rm(`${dir}/net/eth0.json`);
    const reloaded = watcher.expectNext(RELOADED);
    await writeFile(`${dir}/net/eth1.json`, lease(['192.0.2.7'], 'eth1'));
    await reloaded;
    expect(await sources()).toEqual(['192.0.2.7']);
    // One reload at the start, one for the new lease, none for the loss.
    expect(watcher.lines.filter((line) => line.includes(RELOADED))).toHaveLength(2);
  });

  it('passes only addresses of servers to chronyd', async () => {
    await writeLease(['0.0.0.0', '224.0.1.1', '192.0.2.9\nallow all', 'x', SERVER, SERVER]);
    await render();
    const file = `${dir}/chrony/sources.d/30-dhcp-eth0.sources`;
    expect(await readFile(file, 'utf8')).toBe(`# lease of eth0\nserver ${SERVER} prefer iburst\n`);
  });

  it('writes nothing when nothing changed', async () => {
    await writeLease([SERVER]);
    await render();
    const files = ['chrony.conf', 'sources.d/30-dhcp-eth0.sources'];
    const inodes = (): Promise<number[]> =>
      Promise.all(files.map(async (file) => (await stat(`${dir}/chrony/${file}`)).ino));
    const before = await inodes();
    await render();
    expect(await inodes()).toEqual(before);
  });

  it('runs without chronyd and reloads it once it has started', async () => {
    await writeLease([SERVER]);
    await render();
    const watcher = watch();
    await watcher.expect('"ev":"chronyd.down"');
    const reloaded = watcher.expectNext(RELOADED, 20_000);
    chronyd();
    await reloaded;
    expect(await sources()).toEqual([SERVER]);
  });

  it('leaves out what is wrong in time.yaml, names it, and refuses it with --check', async () => {
    await writeLease([SERVER]);
    await writeFile(
      `${dir}/time.yaml`,
      'servers:\n  - {address: "a b"}\n  - {adress: 192.0.2.7}\n  - {address: 192.0.2.8}\nuseDhcp: no\n',
    );
    await render();
    const first = watch();
    const fault = await first.expect('servers.0.address');
    await first.expect('useDhcp');
    for (const part of ['KIOS_TIME_SETTING', '"line":2', 'must be an IP address', 'docs/time.md'])
      expect(fault).toContain(part);
    expect(first.lines.join('\n')).toContain('Did you mean address?');
    const file = `${dir}/chrony/sources.d/10-config.sources`;
    expect(await readFile(file, 'utf8')).toBe('# time.yaml\nserver 192.0.2.8 iburst\n');
    const check = agent('render', '--check', ...folders());
    expect(await check.exited).toBe(78);
    expect(await check.expect('KIOS_CONFIG')).toContain('line 5: useDhcp');
  });

  it('takes a time.yaml that is written while it runs', async () => {
    await render();
    const daemon = chronyd();
    await daemon.expect('chronyd version');
    const watcher = watch();
    await watcher.expect(RELOADED);
    const reloaded = watcher.expectNext(RELOADED);
    await writeFile(`${dir}/time.yaml.tmp`, `servers: [{address: ${SERVER}}]\nfallbackPools: []\n`);
    await rename(`${dir}/time.yaml.tmp`, `${dir}/time.yaml`);
    await reloaded;
    expect(await sources()).toEqual([SERVER]);
  });

  /** Starts a server whose time is off by some seconds, at an address of its own. */
  async function serveTime(address: string, offsetSeconds: number): Promise<NtpServer> {
    await wire.server.exec('ip', 'address', 'replace', `${address}/24`, 'dev', 'srv0');
    return startNtpServer(wire.server, address, [{ offsetSeconds }]);
  }

  it('has chronyd step to a time that is possible', async () => {
    await serveTime(SERVER, 3600);
    await writeLease([SERVER]);
    await writeFile(`${dir}/time.yaml`, 'fallbackPools: []\n');
    await render();
    const daemon = chronyd();
    const watcher = watch();
    expect(await watcher.expect('"ev":"clock.set"', 30_000)).toMatch(/"by":3(?:599|600)\b/);
    // With -x chronyd cannot; it says so when it is told to.
    await daemon.expect('Could not step system clock');
    expect(watcher.lines.join('\n')).not.toContain('source.refused');
  });

  it('takes a server out of use whose time is before the image was built', async () => {
    await serveTime(SERVER, -2 * 24 * 3600);
    await writeLease([SERVER]);
    await writeFile(`${dir}/time.yaml`, 'fallbackPools: []\n');
    await render();
    const daemon = chronyd();
    const watcher = watch();
    expect(await watcher.expect('"ev":"source.refused"', 30_000)).toContain('KIOS_TIME_SOURCE');
    // It forgets the correction that it has begun.
    expect(await daemon.exited).toBe(0);
    expect(daemon.lines.join('\n')).not.toContain('Could not step');
    expect(await readdir(`${dir}/chrony/sources.d`)).toEqual([]);
  });

  it("does not follow a lease's server that the others contradict", async () => {
    const others = ['192.0.2.7', '192.0.2.8'];
    await serveTime(SERVER, 90 * 24 * 3600);
    for (const address of others) await serveTime(address, 0);
    await writeLease([SERVER]);
    await writeFile(`${dir}/time.yaml`, `fallbackPools: [${others.join(', ')}]\n`);
    await render();
    const daemon = chronyd();
    const watcher = watch();
    await daemon.expect(/Selected source 192\.0\.2\.[78]/, 40_000);
    expect(watcher.lines.join('\n')).not.toContain('"ev":"clock.set"');
  });

  it("follows a lease's server with which the others agree, however far its time is", async () => {
    const others = ['192.0.2.7', '192.0.2.8'];
    for (const address of [SERVER, ...others]) await serveTime(address, 90 * 24 * 3600);
    await writeLease([SERVER]);
    await writeFile(`${dir}/time.yaml`, `fallbackPools: [${others.join(', ')}]\n`);
    await render();
    const daemon = chronyd();
    const watcher = watch();
    expect(await watcher.expect('"ev":"clock.set"', 30_000)).toMatch(/"by":77(?:75999|76000)\b/);
    await daemon.expect('Could not step system clock');
    expect(watcher.lines.join('\n')).not.toContain('source.refused');
  });

  it('goes on when a server that it has followed takes another time', async () => {
    const before = await serveTime(SERVER, 0);
    const server = `{ address: ${SERVER}, minpoll: 0, maxpoll: 0 }`;
    await writeFile(`${dir}/time.yaml`, `servers: [${server}]\nfallbackPools: []\n`);
    await render();
    const daemon = chronyd();
    const watcher = watch();
    await daemon.expect(`Selected source ${SERVER}`, 30_000);
    await before.stop();
    await serveTime(SERVER, 5000);
    const line = await daemon.expect('exceeds the allowed maximum', 30_000);
    expect(line).toMatch(/Adjustment of (?:4999|5000)\..*1000\.000 seconds \(ignored\)/);
    expect(await sources()).toEqual([SERVER]);
    expect(watcher.lines.join('\n')).not.toMatch(/clock\.set|source\.refused/);
  });

  it('lets chronyd start without any source, and is silent then', async () => {
    await writeFile(`${dir}/time.yaml`, 'fallbackPools: []\n');
    await render();
    const daemon = chronyd();
    await daemon.expect('chronyd version');
    const watcher = watch();
    await watcher.expect(RELOADED);
    expect(await sources()).toEqual([]);
    let [said, heard] = [0, 0];
    const written: string[] = [];
    const { promise: polledSixTimes, resolve } = Promise.withResolvers<void>();
    let polls = 0;
    using files = watchFiles(dir, (file, event) => {
      if (!file.startsWith('chrony/sock/kios-')) {
        if (polls >= 1) written.push(`${event} ${file}`);
        return;
      }
      // Each poll makes a socket and removes it, after it has published the state.
      polls += 0.5;
      if (polls === 1) [said, heard] = [watcher.lines.length, daemon.lines.length];
      if (polls === 7) resolve();
    });
    expect(files).toBeDefined();
    await polledSixTimes;
    expect(written).toEqual([]);
    expect(watcher.lines.slice(said)).toEqual([]);
    expect(daemon.lines.slice(heard)).toEqual([]);
  });
});
