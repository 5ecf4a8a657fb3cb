import { createLogger } from '@kios/agent';
import { type Link } from '@kios/netlink';
import { FakeRtnetlink } from '@kios/netlink/testing';
import { SyscallError } from '@kios/syscall';
import { describe, expect, it } from 'vitest';

import { planLease } from '../../src/core/kernel/plan.ts';
import { readLease } from '../../src/core/lease/lease.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { applyChanges, readPresent } from '../../src/edge/kernel/apply.ts';
import { GRANT, LINK as UP, message, POLICY, SERVER } from '../support/fixtures.ts';
import { EXPECTED, playStory } from '../support/rtnetlink-contract.ts';

const LINK: Link = { ...UP, up: false };

function listening(): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const stdout = { write: (line: string) => lines.push(line) };
  const console = { send: () => undefined, close: () => Promise.resolve() };
  return { lines, log: createLogger('dhcp', { stdout, console }) };
}

async function configure(rtnetlink: FakeRtnetlink, options = GRANT): Promise<string[]> {
  const granted = readLease(message(TYPE.ack, options), SERVER, 60);
  const present = await readPresent(rtnetlink, LINK.index);
  if ('refused' in granted || present === undefined) throw new Error('nothing to plan');
  const { lines, log } = listening();
  await applyChanges(
    rtnetlink,
    planLease({ lease: granted.lease, since: 0, degradeLevel: 0 }, present, POLICY, 0),
    LINK,
    log,
  );
  return lines;
}

describe('the fake kernel', () => {
  it('follows the contract', async () => {
    expect(await playStory(new FakeRtnetlink([LINK]))).toEqual(EXPECTED);
  });
});

describe('applying a plan', () => {
  it('a second time changes nothing', async () => {
    const rtnetlink = new FakeRtnetlink([LINK]);
    await configure(rtnetlink);
    const done = rtnetlink.log.length;
    await configure(rtnetlink);
    expect(done).toBeGreaterThan(0);
    expect(rtnetlink.log).toHaveLength(done);
  });

  it.each(['ENETUNREACH', 'EHOSTUNREACH', 'EINVAL', 'EEXIST', 'ENETDOWN'])(
    'skips a route that the kernel refuses, and reports it: %s',
    async (code) => {
      const rtnetlink = new FakeRtnetlink([LINK]);
      rtnetlink.addRoute = (route) =>
        Promise.reject(new SyscallError('netlink', code, `set route ${route.dst}`));
      const lines = await configure(rtnetlink);
      expect(lines.join('')).toContain('"ev":"route.skip"');
      expect(await rtnetlink.addresses()).toHaveLength(1);
    },
  );

  it.each(['EINVAL', 'ERANGE', 'EOPNOTSUPP', 'EBUSY'])(
    'goes on without an MTU that the kernel refuses: %s',
    async (code) => {
      const rtnetlink = new FakeRtnetlink([LINK]);
      const change = rtnetlink.changeLink.bind(rtnetlink);
      rtnetlink.changeLink = (index, asked) =>
        asked.mtu === undefined
          ? change(index, asked)
          : Promise.reject(new SyscallError('netlink', code, 'change link'));
      const lines = await configure(rtnetlink, [...GRANT, entry(OPTIONS.mtu, 9000)]);
      expect(lines.join('')).toContain('"step":"mtu"');
      expect(await rtnetlink.addresses()).toHaveLength(1);
      expect(await rtnetlink.routes()).toHaveLength(1);
    },
  );

  it('fails when the kernel refuses everything', async () => {
    const rtnetlink = new FakeRtnetlink([LINK]);
    rtnetlink.replaceAddress = () =>
      Promise.reject(new SyscallError('netlink', 'EPERM', 'set address'));
    await expect(configure(rtnetlink)).rejects.toThrow('EPERM');
  });
});
