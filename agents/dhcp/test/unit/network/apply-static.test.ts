import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { FOREVER } from '@kios/netlink';
import { FakeRtnetlink } from '@kios/netlink/testing';
import type { LinkState } from '@kios/netlink/virtual-links';
import { SyscallError } from '@kios/syscall';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Configured } from '../../../src/core/network/static/model.ts';
import { StaticNetwork } from '../../../src/edge/network/apply-static.ts';
import { FormerSettings } from '../../../src/edge/network/former-settings.ts';
import { card } from '../../support/network/model-kernel.ts';
import { readLinks } from '../../support/network/read-file.ts';

const LINK: LinkState = {
  ...card(2, 'eth0', { up: true }),
  ipv6: { generation: 'eui64', token: '::' },
};

const FILE = `{ eth0: {
  addresses: [10.0.0.5/24, "2001:db8::5/64"],
  routes: [{ to: default, via: 10.0.0.1 }, { to: default, via: "2001:db8::1" }],
  routing-policy: [{ from: 10.0.0.5, table: 101 }] } }`;

let folder: string;
let kernel: FakeRtnetlink;
let lines: string[];
let network: StaticNetwork;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'static-'));
  kernel = new FakeRtnetlink([LINK]);
  lines = [];
  network = open(conf());
});

afterEach(() => rm(folder, { recursive: true }));

function open(sysctls: string, bootId = 'boot'): StaticNetwork {
  const log = createLogger('test', { stdout: { write: (line) => lines.push(line) } });
  const former = new FormerSettings(folder, bootId, log);
  const links = { list: () => Promise.resolve([LINK]) };
  return new StaticNetwork({
    rtnetlink: kernel,
    rules: kernel.rules,
    links,
    log,
    conf: sysctls,
    former,
  });
}

const configured = (file: string): Configured[] =>
  readLinks(file).map((settings) => ({ settings, ifindex: 2, metric: 100 }));

const conf = (): string => path.join(folder, 'conf');
const file = (): string => path.join(conf(), 'eth0/accept_ra');
const value = async (): Promise<string> => (await readFile(file(), 'utf8')).trim();

const eventsOf = (level: string): string[] =>
  lines.filter((line) => line.includes(`"level":"${level}"`));

describe('applying a network file', () => {
  it('a second time changes nothing, and an empty file leaves nothing', async () => {
    expect(await network.apply(configured(FILE))).toEqual({
      settled: true,
      waiting: [],
      obstacles: [],
    });
    const done = kernel.log.length;
    await network.apply(configured(FILE));
    expect(kernel.log).toHaveLength(done);
    await network.apply([]);
    expect(await kernel.addresses()).toEqual([]);
    expect(await kernel.addresses('ipv6')).toEqual([]);
    expect(await kernel.allRoutes('ipv6')).toEqual([]);
    expect(await kernel.rules.list('ipv4')).toEqual([]);
  });

  it('goes on behind a step that the kernel refuses, and complains once', async () => {
    const add = kernel.addRoute.bind(kernel);
    kernel.addRoute = (route, beside) =>
      route.dst === '0.0.0.0/0'
        ? Promise.reject(new SyscallError('netlink', 'ENETUNREACH', 'add route 0.0.0.0/0'))
        : add(route, beside);
    expect(await network.apply(configured(FILE))).toMatchObject({ settled: false });
    await network.apply(configured(FILE));
    const warnings = lines.filter((line) => line.includes('"ev":"static.fail"'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"dst":"0.0.0.0/0"');
    expect(await kernel.routes('ipv6')).toHaveLength(1);
    expect(await kernel.rules.list('ipv4')).toHaveLength(1);
    kernel.addRoute = add;
    expect(await network.apply(configured(FILE))).toMatchObject({ settled: true });
  });

  it('says which settings of IPv6 it cannot write', async () => {
    const { settled, obstacles } = await network.apply(configured('{ eth0: { accept-ra: true } }'));
    expect(settled).toBe(true);
    expect(obstacles).toEqual([
      { link: 'eth0', what: 'setting accept_ra', why: 'it cannot be written' },
    ]);
  });

  it('writes settings, and the old ones when the file no longer has them', async () => {
    await mkdir(path.dirname(file()), { recursive: true });
    await writeFile(file(), '1\n');
    await network.apply(configured('{ eth0: { accept-ra: true } }'));
    expect(await value()).toBe('2');
    await network.apply(configured('{ eth0: {} }'));
    expect(await value()).toBe('1');
  });

  describe('that changes settings which had a value', () => {
    beforeEach(async () => {
      await mkdir(path.dirname(file()), { recursive: true });
      await writeFile(file(), '1\n');
      await network.apply(configured('{ eth0: { accept-ra: false } }'));
      await network.apply(configured('{ eth0: { accept-ra: true } }'));
      if ((await value()) !== '2') throw new Error('the file does not count');
    });

    it.each([
      ['says no more of them', '{ eth0: {} }'],
      ['no longer has the link', '{ eth9: {} }'],
    ])('gives the first value back once it %s, after a restart too', async (_, second) => {
      const again = open(conf());
      expect(await again.apply(configured(second))).toMatchObject({ settled: true });
      expect(await value()).toBe('1');
    });

    it('leaves them to others after that', async () => {
      await network.apply([]);
      await writeFile(file(), '0\n');
      await network.apply(configured('{ eth0: {} }'));
      await open(conf()).apply([]);
      expect(await value()).toBe('0');
    });

    it('knows nothing of another boot', async () => {
      await open(conf(), 'next').apply([]);
      expect(await value()).toBe('2');
    });

    it('gives up a value that the kernel no longer takes', async () => {
      await rm(file());
      await mkdir(file());
      await writeFile(path.join(conf(), 'eth0/use_tempaddr'), '0');
      expect(await network.apply([])).toMatchObject({ settled: true });
      await network.apply([]);
      expect(lines.filter((line) => line.includes('"ev":"static.fail"'))).toHaveLength(1);
    });
  });

  it('works in a kernel without IPv6', async () => {
    const list = kernel.rules.list.bind(kernel.rules);
    const rules = {
      ...kernel.rules,
      list: (family: 'ipv4' | 'ipv6') =>
        family === 'ipv4'
          ? list(family)
          : Promise.reject(new SyscallError('netlink', 'EAFNOSUPPORT', 'list rules')),
    };
    const log = createLogger('test', { stdout: { write: (line) => lines.push(line) } });
    const without = { ...LINK, ipv6: undefined };
    const links = { list: () => Promise.resolve([without]) };
    const plain = new StaticNetwork({ rtnetlink: kernel, rules, links, log, conf: folder });
    const { settled, obstacles } = await plain.apply(configured(FILE));
    expect(settled).toBe(true);
    expect(obstacles).toHaveLength(2);
    expect(await kernel.addresses()).toMatchObject([{ validSeconds: FOREVER, protocol: 107 }]);
    expect(eventsOf('warn')).toEqual([]);
  });
});
