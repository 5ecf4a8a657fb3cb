import { beforeEach, describe, expect, it } from 'vitest';

import { requireRoot, startChronyd, Wire } from '../src/index.ts';
import { KISSES, type NtpRule, startNtpServer } from '../src/ntp/index.ts';

const SERVER = '192.0.2.1';
const SERVER6 = '2001:db8::1';
const YEAR = 365.25 * 24 * 3600;
/** Seconds after which chronyd gives up. It asks every two seconds. */
const PATIENCE = { useless: 8, good: 25 } as const;

async function openWire(): Promise<Wire> {
  const wire = await Wire.open(`${SERVER}/24`);
  await wire.server.exec('ip', 'address', 'add', `${SERVER6}/64`, 'dev', 'srv0', 'nodad');
  for (const address of ['192.0.2.2/24', '2001:db8::2/64'])
    await wire.client.exec('ip', 'address', 'add', address, 'dev', 'eth0', 'nodad');
  await wire.client.exec('ip', 'link', 'set', 'eth0', 'up');
  return wire;
}

interface Judgement {
  /** The exit code. */
  readonly code: number | string;
  /** Seconds by which chronyd finds the workstation's clock slow; undefined when it finds out nothing. */
  readonly offset: number | undefined;
}

/** Returns what a real chronyd makes of a server. It measures once and sets no clock. */
async function judge(
  { client }: Wire,
  server: { readonly address?: string; readonly patience?: number } = {},
): Promise<Judgement> {
  const { address = SERVER, patience = PATIENCE.good } = server;
  const wait = String(patience);
  const run = ['-Q', '-t', wait, '-u', 'root', '-f', '/dev/null', `server ${address} iburst`];
  const chronyd = client.start('chronyd', run);
  const code = await chronyd.exited;
  const [, offset] = /clock wrong by (\S+) seconds/.exec(chronyd.lines.join('\n')) ?? [];
  return { code, offset: offset === undefined ? undefined : Number(offset) };
}

beforeEach(requireRoot);

/** Servers that a client must take: the fake one is as good as the real one. */
const SERVERS: Readonly<Record<string, (wire: Wire, address: string) => Promise<unknown>>> = {
  'a real chronyd': async ({ server }) =>
    startChronyd(server, ['local stratum 8', 'allow 192.0.2.0/24', 'allow 2001:db8::/64']),
  'the fake server': async ({ server }, address) => startNtpServer(server, address),
};

// Nearly all of the time is spent waiting.
const OPTIONS = { timeout: 60_000, concurrent: true } as const;

describe.each(Object.entries(SERVERS))('%s', OPTIONS, (_, start) => {
  it.each([SERVER, SERVER6])('at %s has the time of a real client', async (address) => {
    await using wire = await openWire();
    await start(wire, address);
    const { code, offset } = await judge(wire, { address });
    expect(code).toBe(0);
    expect(Math.abs(offset ?? Infinity)).toBeLessThan(0.1);
  });
});

describe('the fake server, to a real chronyd', OPTIONS, () => {
  it.each([3600, -3600, 10 * YEAR, -10 * YEAR])('is %d s off', async (offsetSeconds) => {
    await using wire = await openWire();
    await startNtpServer(wire.server, SERVER, [{ offsetSeconds }]);
    const { code, offset } = await judge(wire);
    expect(code).toBe(0);
    expect(Math.abs((offset ?? 0) - offsetSeconds)).toBeLessThan(0.1);
  });

  const useless: readonly NtpRule[] = [
    { stratum: 16 },
    { leap: 3 },
    ...KISSES.map((kiss) => ({ kiss })),
    { loss: 1 },
  ];
  it.each(useless)('has no time by %j, and counts the requests', async (rule) => {
    await using wire = await openWire();
    const server = await startNtpServer(wire.server, SERVER, [rule]);
    expect(await judge(wire, { patience: PATIENCE.useless })).toEqual({
      code: 1,
      offset: undefined,
    });
    expect(server.requests).toBeGreaterThanOrEqual(1);
    const reply = rule.kiss ?? (rule.loss === 1 ? 'none' : 'time');
    expect(server.process.lines.at(-1)).toBe(
      JSON.stringify({ request: server.requests, client: '192.0.2.2', reply }),
    );
  });

  it('is back after a silence', async () => {
    await using wire = await openWire();
    const server = await startNtpServer(wire.server, SERVER, [{ loss: 1, times: 1 }, {}]);
    expect(await judge(wire)).toMatchObject({ code: 0 });
    expect(server.process.lines).toContain('{"request":1,"client":"192.0.2.2","reply":"none"}');
    expect(server.process.lines).toContain('{"request":2,"client":"192.0.2.2","reply":"time"}');
  });

  it('loses the part of the requests that it is told to', async () => {
    await using wire = await openWire();
    const server = await startNtpServer(wire.server, SERVER, [{ loss: 0.5 }]);
    expect(await judge(wire)).toMatchObject({ code: 0 });
    const replies = server.process.lines.flatMap((line) => /"reply":"(\w+)"/.exec(line)?.[1] ?? []);
    expect(replies.slice(0, 4)).toEqual(['time', 'none', 'time', 'none']);
  });
});
