import { readFile } from 'node:fs/promises';

import { Lease6 } from '@kios/node-state';
import * as v from 'valibot';
import { expect } from 'vitest';

import { eventually } from './agent.ts';
import { globalsOf, leasedOf, readText } from './network6.ts';
import { NETWORK, type Scene6 } from './scene6.ts';

/** A behaviour of the agent with every server of DHCPv6. */
export interface Claim6 {
  readonly title: string;
  readonly check: (scene: Scene6) => Promise<void>;
}

const POOL = new RegExp(`^${NETWORK}::1[0-9a-f]{3}/128$`);
/** Rights of the verb `release`. */
const RELEASE = ['net_raw', 'net_admin', 'net_bind_service'];
const PROMPT = 30_000;
/** A client that nobody replied to asks again after this time at the latest. */
const SLOW = 120_000;

/** Waits until the link has its address, which no other host has. */
async function leased(scene: Scene6): Promise<string> {
  await eventually(async () => {
    const all = await globalsOf(scene.client);
    expect(all.filter(({ tentative }) => tentative)).toEqual([]);
    expect(await leasedOf(scene.client)).toHaveLength(1);
  });
  const [address = ''] = await leasedOf(scene.client);
  return address;
}

async function recordOf({ machine }: Scene6): Promise<Lease6> {
  return v.parse(Lease6, JSON.parse(await readFile(machine.runFile('v6/eth0.json'), 'utf8')));
}

async function checkStateful(scene: Scene6): Promise<void> {
  await scene.serve();
  const daemon = scene.machine.run('--no-rapid-commit');
  await daemon.expect('lease6.bound', PROMPT);
  expect(await leased(scene)).toMatch(POOL);
  expect([scene.count('solicit'), scene.count('request')]).toEqual([1, 1]);
  const resolver = await readText(scene.machine.runFile('resolv.conf'));
  expect(resolver).toContain(`nameserver ${NETWORK}::53\n`);
  expect(resolver).toContain('search example.org\n');
  await eventually(async () => {
    const record = await recordOf(scene);
    expect(record).toMatchObject({ state: 'bound', dns: [`${NETWORK}::53`] });
    expect(record.addresses.map(({ address }) => `${address}/128`)).toEqual(
      await leasedOf(scene.client),
    );
  });
}

async function checkRapid(scene: Scene6): Promise<void> {
  await scene.serve({ rapidCommit: true });
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  expect(await leased(scene)).toMatch(POOL);
  expect([scene.count('solicit'), scene.count('request')]).toEqual([1, 0]);
}

async function checkStateless(scene: Scene6): Promise<void> {
  await scene.serve({ stateful: false });
  scene.machine.run();
  await scene.expect('information');
  await eventually(async () => {
    const resolver = await readText(scene.machine.runFile('resolv.conf'));
    expect(resolver).toContain(`nameserver ${NETWORK}::53\n`);
    expect(resolver).toContain('search example.org\n');
  });
  expect(scene.count('solicit')).toBe(0);
  expect(await leasedOf(scene.client)).toEqual([]);
  await eventually(async () => {
    expect(await recordOf(scene)).toMatchObject({ state: 'informed', addresses: [] });
  });
}

async function checkRenew(scene: Scene6): Promise<void> {
  const { shortLease } = scene;
  await scene.serve({ validSeconds: shortLease * 2, t1Seconds: 30, t2Seconds: 50 });
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  const before = await leased(scene);
  // The server's restart is no event for the client, and the server knows its lease.
  await scene.stopServing();
  await scene.serve({ validSeconds: shortLease * 2, t1Seconds: 30, t2Seconds: 50 });
  await scene.expect('renew', shortLease * 1000 + PROMPT);
  await scene.expect('reply');
  await eventually(async () => {
    const [left] = (await globalsOf(scene.client)).filter(({ address }) => address === before);
    expect(left?.validSeconds).toBeGreaterThan(shortLease * 2 - 20);
  });
  expect(await leasedOf(scene.client)).toEqual([before]);
  expect([scene.count('solicit'), scene.count('request')]).toEqual([0, 0]);
}

async function checkServerChange(scene: Scene6): Promise<void> {
  const times = { validSeconds: scene.shortLease * 2, t1Seconds: 30, t2Seconds: 40 };
  await scene.serve(times);
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  await leased(scene);
  const { server } = await recordOf(scene);
  await scene.stopServing();
  await scene.changeServer();
  await scene.serve(times);
  await scene.expect('rebind', scene.shortLease * 2000);
  await eventually(async () => {
    expect((await recordOf(scene)).server).not.toBe(server);
  }, SLOW);
  // At no moment was there no address: nothing had to be solicited.
  expect(await leased(scene)).toMatch(POOL);
  expect(daemon.lines.join('\n')).not.toContain('lease6.expired');
}

async function checkFlap(scene: Scene6): Promise<void> {
  await scene.serve();
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  const before = await leased(scene);
  const solicits = scene.count('solicit');
  const confirmed = scene.expectNext('confirm', PROMPT);
  await scene.flap();
  await confirmed;
  await eventually(async () => {
    expect(await leasedOf(scene.client)).toEqual([before]);
  });
  expect(scene.count('solicit')).toBe(solicits);
}

async function checkKill(scene: Scene6): Promise<void> {
  await scene.serve();
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  const before = await leased(scene);
  const exchanges = (['solicit', 'request', 'confirm', 'renew'] as const).map((kind) =>
    scene.count(kind),
  );
  await daemon.stop('SIGKILL');
  const next = scene.machine.run();
  await next.expect('lease6.adopted', PROMPT);
  await next.expect('router.flags', PROMPT);
  // A message that is due waits up to a second, so that nodes that start together do not ask together.
  await expect(scene.expectNext('confirm', 3000)).rejects.toThrow('not within 3000 ms');
  expect(await leasedOf(scene.client)).toEqual([before]);
  expect(
    (['solicit', 'request', 'confirm', 'renew'] as const).map((kind) => scene.count(kind)),
  ).toEqual(exchanges);
}

async function checkReboot(scene: Scene6): Promise<void> {
  await scene.serve();
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  const before = await leased(scene);
  await daemon.stop('SIGKILL');
  await scene.reboot();
  const solicits = scene.count('solicit');
  const confirmed = scene.expectNext('confirm', PROMPT);
  scene.machine.run();
  await confirmed;
  expect(await leased(scene)).toBe(before);
  expect(scene.count('solicit')).toBe(solicits);
}

async function checkExpiry(scene: Scene6): Promise<void> {
  const { shortLease } = scene;
  await scene.serve({ validSeconds: shortLease, t1Seconds: 30, t2Seconds: 45 });
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  const before = await leased(scene);
  await scene.stopServing();
  await daemon.expect('lease6.expired', shortLease * 1000 + PROMPT);
  await eventually(async () => {
    expect(await leasedOf(scene.client)).toEqual([]);
  });
  expect(await readText(scene.machine.runFile('v6/eth0.json'))).toBe('');
  const again = daemon.expectNext('lease6.bound', SLOW);
  await scene.serve();
  await again;
  expect(await leased(scene)).toBe(before);
}

async function checkDecline(scene: Scene6): Promise<void> {
  await scene.serve();
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  const before = await leased(scene);
  await daemon.stop('SIGKILL');
  await scene.forgetMachine();
  await scene.neighbour.exec('ip', 'address', 'add', before, 'dev', 'eth0', 'nodad');
  const next = scene.machine.run();
  await next.expect('conflict6', PROMPT);
  await scene.expect('decline', PROMPT);
  await eventually(async () => {
    const now = await leasedOf(scene.client);
    expect(now).toHaveLength(1);
    expect(now).not.toEqual([before]);
  }, PROMPT);
}

async function checkRelease(scene: Scene6): Promise<void> {
  await scene.serve();
  const daemon = scene.machine.run();
  await daemon.expect('lease6.bound', PROMPT);
  await leased(scene);
  await daemon.stop();
  expect(await leasedOf(scene.client)).toHaveLength(1);
  expect(await scene.machine.startWith(RELEASE, 'release').exited).toBe(0);
  await scene.expect('release');
  expect(await leasedOf(scene.client)).toEqual([]);
  expect(await readText(scene.machine.stateFile('v6/eth0.json'))).toBe('');
}

export const CLAIMS6: readonly Claim6[] = [
  { title: 'binds an address and configuration in four messages', check: checkStateful },
  { title: 'binds in two messages with rapid commit', check: checkRapid },
  { title: 'asks for configuration alone where routers have the addresses', check: checkStateless },
  { title: 'renews with a server that was restarted', check: checkRenew },
  { title: 'goes on with another server in place of the first', check: checkServerChange },
  { title: 'confirms its address when the cable is back', check: checkFlap },
  { title: 'goes on without a message after kill -9', check: checkKill },
  { title: 'confirms its address after a reboot', check: checkReboot },
  { title: 'gives the address up when its time is over, and gets it again', check: checkExpiry },
  { title: 'gives the address back when it is told to', check: checkRelease },
  { title: 'declines an address that a neighbour has', check: checkDecline },
];
