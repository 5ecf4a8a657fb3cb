import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';

import { requireRoot, startChronyd } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  bundleTimeAgent,
  DECIDED_MS,
  MEDDLED,
  NODE,
  RELOADED,
  SECOND,
  SERVER,
  SERVER6,
  TimePod,
} from '../support/time-pod.ts';

const AWS = '169.254.169.123';
const WITHIN = { timeout: 20_000, interval: 250 };
const OWN = `servers: [{ address: ${SERVER} }]\nfallbackPools: []\n`;

const confOf = (node: TimePod): Promise<string> =>
  readFile(`${node.dir}/chrony/chrony.conf`, 'utf8');
const expectSources = (node: TimePod, ...wanted: readonly string[]): Promise<void> =>
  vi.waitFor(async () => expect(Object.keys(await node.sources())).toEqual(wanted), WITHIN);

// Nearly all of the time is spent waiting for replies.
describe('the sources of a real chronyd', { timeout: 120_000, concurrent: true }, () => {
  let bundle: string;
  beforeAll(async () => {
    bundle = await bundleTimeAgent();
  });
  beforeEach(requireRoot);

  it('are of one kind: the smeared server of a cloud, without the one that the lease names', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`, '169.254.169.2/24');
    await node.serve(AWS);
    await node.serve(SERVER);
    await node.platform('aws');
    await node.lease([SERVER, 'fe80::1', SERVER]);
    const { chronyd, watch } = await node.start();
    const bad = await watch.expect('it does not smear leap seconds');
    expect(bad).toContain(`"ev":"source.bad","origin":"dhcp eth0","value":"${SERVER}"`);
    await watch.expect('dhcp eth0 names it already');
    expect(await watch.expect('"value":"fe80::1"')).toContain('link-local');
    await chronyd.expect(`Selected source ${AWS}`, DECIDED_MS);
    expect(Object.keys(await node.sources())).toEqual([AWS]);

    const told = await node.status();
    const usedBy = { origin: 'platform aws', host: AWS, use: 'used', reachable: true };
    expect(told).toContainEqual(expect.objectContaining(usedBy));
    const why = 'it does not smear leap seconds, and other sources do';
    const drops = [
      { origin: 'platform aws', host: 'fd00:ec2::123', why: 'the node has no IPv6 address' },
      { origin: 'dhcp eth0', host: SERVER, why },
      { origin: 'fallback', host: 'pool.ntp.org', why: 'time.yaml or the platform names sources' },
    ];
    for (const drop of drops) expect(told).toContainEqual({ ...drop, use: 'dropped' });
  });

  it('are asked by a chronyd that starts again when time.yaml tunes it, but not twice in ten minutes', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    await node.configure(OWN);
    const { chronyd, watch } = await node.start();
    await node.configure(`${OWN}extra: |\n  minsources 2\n  allow all\n`);
    expect(await watch.expect('"ev":"setting.fault"')).toContain('"path":"extra.1"');
    expect(await chronyd.exited).toBe(0);
    expect(await confOf(node)).toMatch(/\nminsources 2\n$/);

    const again = node.chronyd();
    await again.expect('chronyd version');
    await node.configure(
      `servers: [{ address: ${SERVER} }, { address: ${SECOND} }]\nfallbackPools: []\nextra: minsources 1\n`,
    );
    await watch.expect(`10-config.sources`);
    await expectSources(node, SERVER, SECOND);
    expect(await confOf(node)).toMatch(/\nminsources 2\n$/);
    expect(watch.lines.filter((line) => line.includes('"ev":"chronyd.restart"'))).toHaveLength(1);
    // What waits for the ten minutes is there for a chronyd that ends by itself.
    await again.stop();
    const retried = watch.expectNext(RELOADED);
    await node.configure(`${OWN}extra: minsources 3\n`);
    await vi.waitFor(async () => expect(await confOf(node)).toMatch(/\nminsources 3\n$/), WITHIN);
    node.chronyd();
    await retried;
  });

  it('may step the clock as soon as time.yaml allows it, without a restart', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    await node.serve(SERVER, { offsetSeconds: 600 });
    await node.configure(`${OWN}makestep: { limit: 0 }\n`);
    const { chronyd, watch } = await node.start();
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(watch.lines.join('\n')).not.toMatch(MEDDLED);
    await node.configure(`${OWN}makestep: { limit: 1 }\n`);
    await watch.expect('"ev":"clock.set"');
    await chronyd.expect('Could not step system clock');
    expect(chronyd.lines.filter((line) => line.includes('chronyd version'))).toHaveLength(1);
  });

  it('are proved by the keys of time.yaml', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    const keys = '7 SHA1 HEX:00112233445566778899aabbccddeeff00112233\n';
    await writeFile(`${node.dir}/server.keys`, keys);
    await startChronyd(node.wire.server, [
      'local stratum 8',
      'allow 192.0.2.0/24',
      `keyfile ${node.dir}/server.keys`,
    ]);
    const file = `${node.dir}/operator/keys`;
    await node.configure(
      `servers: [{ address: ${SERVER}, key: 7 }]\nkeys: { path: ${file} }\nfallbackPools: []\n`,
    );
    const { chronyd, watch } = await node.start();
    expect(await watch.expect('the file of its key cannot be read')).toContain(SERVER);
    expect(await node.sources()).toEqual({});
    await writeFile(file, keys, { mode: 0o600 });
    // The folder of time.yaml is watched, and here the keys lie in another.
    await node.configure(
      `servers: [{ address: ${SERVER}, key: 7, prefer: true }]\nkeys: { path: ${file} }\nfallbackPools: []\n`,
    );
    expect(await chronyd.exited).toBe(0);
    const again = node.chronyd();
    await again.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(await node.chronyc('authdata')).toContain(`${SERVER},SK,7`);
    for (const { lines } of [watch, again]) expect(lines.join('\n')).not.toContain('00112233');
  });

  it('have the addresses that the name servers say, and a name that they do not know is told', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    await node.serve(SERVER);
    await node.configure('pools: [ntp.test, missing.test]\nfallbackPools: []\n');
    const { chronyd, watch } = await node.start();
    for (const name of ['ntp.test', 'missing.test'])
      expect(await watch.expect(`"name":"${name}"`)).toContain('KIOS_TIME_NAME');
    await node.serveNames({ 'ntp.test': SERVER });
    // A change of the network's folder is what makes the agent ask at once.
    await node.lease([]);
    await watch.expect('"ev":"name.resolved","name":"ntp.test"', DECIDED_MS);
    await chronyd.expect(`Selected source ${SERVER}`, DECIDED_MS);
    expect(Object.keys(await node.sources())).toEqual([SERVER]);
    const waiting = { origin: 'time.yaml', host: 'missing.test', use: 'waiting' };
    expect(await node.status()).toContainEqual(expect.objectContaining(waiting));
  });

  it('are no public servers until the platform is known', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect(`${NODE}/24`);
    await rm(`${node.dir}/platform/platform.json`);
    await node.configure(`fallbackPools: [${SERVER}]\n`);
    const { watch } = await node.start();
    expect(await node.sources()).toEqual({});
    const why = 'it is not known yet whether this is a cloud';
    expect(await node.status()).toContainEqual({
      origin: 'fallback',
      host: SERVER,
      use: 'dropped',
      why,
    });
    const reloaded = watch.expectNext(RELOADED);
    await node.platform('none');
    await reloaded;
    expect(Object.keys(await node.sources())).toEqual([SERVER]);
  });

  it('are those of a DHCPv6 lease whose folder is made after the start', async () => {
    await using node = await TimePod.open(bundle);
    await node.connect('2001:db8::2/64');
    await rm(`${node.dir}/net/v6`, { recursive: true });
    await node.configure('fallbackPools: []\n');
    const { watch } = await node.start();
    await mkdir(`${node.dir}/net/v6`);
    for (const server of [SERVER6, '2001:db8::9']) {
      const reloaded = watch.expectNext(RELOADED);
      await node.lease6([server]);
      await reloaded;
      expect(Object.keys(await node.sources())).toEqual([server]);
    }
  });
});
