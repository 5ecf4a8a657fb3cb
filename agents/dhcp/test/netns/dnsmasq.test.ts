import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';

import { toHex } from '@kios/bytes';
import { requireRoot, startDnsmasq, Wire } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { readTrace } from '../../src/edge/report/trace.ts';
import {
  addressesOf,
  buildAgent,
  Machine,
  macOf,
  monitor,
  reboot,
  routesOf,
  runtimes,
} from '../support/netns/agent.ts';

const SERVER = '10.77.0.1';
const POOL = '10.77.0.10,10.77.0.20,255.255.255.0,2m';
const OTHER_POOL = '10.77.0.100,10.77.0.120,255.255.255.0,2m';
const SRV0 = { interface: 'srv0', range: POOL };
/** T1 after three seconds, because leases of dnsmasq last at least two minutes. */
const SOON = 'option:T1,3';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

describe.each(runtimes())('under $name', ({ program }) => {
  it('acquires address, routes, MTU and name servers, and ends', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const options = [
      '26,1400',
      `6,${SERVER}`,
      '15,example.org',
      '42,10.77.0.3',
      '121,10.1.0.0/16,10.77.0.2,0.0.0.0/0,10.77.0.1',
    ];
    const server = await startDnsmasq(wire.server, { ...SRV0, options });
    const machine = await Machine.open(wire.client, program);
    expect(await machine.acquire().exited).toBe(0);
    await server.expect('DHCPACK');
    const lease = await machine.lease();
    expect(await addressesOf(wire.client)).toEqual([lease.address]);
    expect(await routesOf(wire.client)).toEqual([
      '10.1.0.0/16 via 10.77.0.2',
      'default via 10.77.0.1',
    ]);
    expect(await wire.client.ip('link', 'show', 'eth0')).toMatchObject([{ mtu: 1400 }]);
    expect(await readFile(machine.runFile('resolv.conf'), 'utf8')).toBe(
      `# kios-dhcp eth0\nnameserver ${SERVER}\nsearch example.org\n`,
    );
    expect(lease).toMatchObject({ server: SERVER, lease: 120, ntp: ['10.77.0.3'], mtu: 1400 });
    expect((await stat(machine.stateFile('eth0.json'))).mode & 0o777).toBe(0o600);
  });

  it('takes the lease over without a packet, renews it without a flap, and leaves it when stopped', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const server = await startDnsmasq(wire.server, { ...SRV0, options: [SOON] });
    const machine = await Machine.open(wire.client, program);
    expect(await machine.acquire().exited).toBe(0);
    const [address] = await addressesOf(wire.client);
    await server.expect('DHCPACK(');
    const requests = server.lines.filter((line) => line.includes('DHCPREQUEST(')).length;
    const changes = await monitor(wire.client);
    const daemon = machine.run();
    await daemon.expect('lease.adopted');
    expect(server.lines.filter((line) => line.includes('DHCPREQUEST('))).toHaveLength(requests);
    await daemon.expect('lease.renewed', 30_000);
    expect(changes.lines.filter((line) => /Deleted.*eth0/.test(line))).toEqual([]);
    expect(daemon.lines.join('\n')).not.toContain('degrade');
    expect(await daemon.stop()).toBe(0);
    expect(await addressesOf(wire.client)).toEqual([address]);
    expect(await routesOf(wire.client)).toEqual(['default via 10.77.0.1']);
  });

  it('commits rapidly when the server can', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const server = await startDnsmasq(wire.server, { ...SRV0, rapidCommit: true });
    const machine = await Machine.open(wire.client, program);
    expect(await machine.acquire().exited).toBe(0);
    expect(server.lines.some((line) => line.includes('DHCPOFFER'))).toBe(false);
    expect(await addressesOf(wire.client)).toHaveLength(1);
  });
});

describe('after a reboot', () => {
  it('asks for the address it had', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const server = await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    expect(await machine.acquire().exited).toBe(0);
    const { address } = await machine.lease();
    await reboot(wire, machine);
    await server.expect('DHCPACK(');
    const discovers = server.lines.filter((line) => line.includes('DHCPDISCOVER')).length;
    expect(await machine.acquire().exited).toBe(0);
    expect(await addressesOf(wire.client)).toEqual([address]);
    expect(server.lines.filter((line) => line.includes('DHCPDISCOVER'))).toHaveLength(discovers);
  });

  it('takes another address when the server refuses that one', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const before = await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    expect(await machine.acquire().exited).toBe(0);
    await before.stop();
    const after = await startDnsmasq(wire.server, {
      interface: 'srv0',
      range: OTHER_POOL,
      authoritative: true,
    });
    await reboot(wire, machine);
    const second = machine.acquire();
    expect(await second.exited).toBe(0);
    await after.expect('DHCPNAK');
    await second.expect('"ev":"nak"');
    expect(await addressesOf(wire.client)).toEqual([
      expect.stringMatching(/^10\.77\.0\.1\d\d\/24$/),
    ]);
  });

  it('ignores a damaged file', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    expect(await machine.acquire().exited).toBe(0);
    await reboot(wire, machine);
    await writeFile(machine.stateFile('eth0.json'), '{"v":1,"if":"et');
    const second = machine.acquire();
    expect(await second.exited).toBe(0);
    await second.expect('store.bad');
    expect((await stat(machine.stateFile('eth0.json.bad'))).isFile()).toBe(true);
  });
});

describe('the daemon', () => {
  it('changes its address when the pool has moved, and leaves the routes of others alone', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const before = await startDnsmasq(wire.server, { ...SRV0, options: [SOON] });
    const machine = await Machine.open(wire.client);
    const daemon = machine.run();
    await daemon.expect('lease.bound');
    const foreign = ['route', 'add', '192.0.2.0/24', 'via', SERVER, 'proto', 'static'];
    await wire.client.exec('ip', ...foreign);
    await before.stop();
    await startDnsmasq(wire.server, {
      interface: 'srv0',
      range: OTHER_POOL,
      authoritative: true,
      options: [SOON],
    });
    await daemon.expect('lease.changed', 40_000);
    expect(await addressesOf(wire.client)).toEqual([
      expect.stringMatching(/^10\.77\.0\.1\d\d\/24$/),
    ]);
    expect(await routesOf(wire.client)).toEqual([
      '192.0.2.0/24 via 10.77.0.1',
      'default via 10.77.0.1',
    ]);
    // The kernel has the address first, and the file follows.
    await expect
      .poll(async () => (await machine.lease()).address)
      .toMatch(/^10\.77\.0\.1\d\d\/24$/);
  });

  it('keeps its address during a loss of carrier and asks for it again', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const server = await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    const daemon = machine.run();
    await daemon.expect('lease.bound');
    const addresses = await addressesOf(wire.client);
    await server.expect('DHCPACK(');
    const discovers = server.lines.filter((line) => line.includes('DHCPDISCOVER')).length;
    await wire.server.exec('ip', 'link', 'set', 'srv0', 'down');
    await daemon.expect('"carrier":false');
    expect(await addressesOf(wire.client)).toEqual(addresses);
    await wire.server.exec('ip', 'link', 'set', 'srv0', 'up');
    await daemon.expect('lease.renewed', 30_000);
    expect(await addressesOf(wire.client)).toEqual(addresses);
    expect(server.lines.filter((line) => line.includes('DHCPDISCOVER'))).toHaveLength(discovers);
  });

  it('takes over from a killed instance, and waits for a running one', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    const first = machine.run();
    await first.expect('lease.bound');
    const second = machine.run();
    await second.expect('lock.wait');
    // A one-shot does not wait: the link has its address.
    expect(await machine.acquire().exited).toBe(0);
    await first.stop('SIGKILL');
    await second.expect('lease.adopted');
  });

  it('gets an address while a one-shot waits for the lock, and the one-shot ends', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const machine = await Machine.open(wire.client);
    const daemon = machine.run();
    await daemon.expect('link.carrier');
    const oneShot = machine.acquire();
    await oneShot.expect('lock.wait');
    await startDnsmasq(wire.server, SRV0);
    expect(await oneShot.exited).toBe(0);
    expect(await addressesOf(wire.client)).toHaveLength(1);
  });

  it('renews without the right to port 68, and reports it', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, { ...SRV0, options: [SOON] });
    const machine = await Machine.open(wire.client);
    const daemon = machine.startWith(['net_raw', 'net_admin'], 'run');
    await daemon.expect('lease.renewed', 30_000);
    expect(daemon.lines.filter((line) => line.includes('degrade'))).toHaveLength(1);
    // Unicast: a router on the way to the server passes it on, unlike a broadcast.
    const server = await macOf(wire.server, 'srv0');
    await vi.waitFor(() => {
      const frames = readTrace(machine.runFile('eth0.pcap')).map(({ frame }) => toHex(frame, ':'));
      expect(frames.filter((frame) => frame.startsWith(server))).not.toEqual([]);
    }, 5000);
  });

  it('waits for a link that appears later', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    await wire.client.exec('ip', 'link', 'set', 'eth0', 'name', 'later0');
    const daemon = machine.run();
    await daemon.expect('link.wait');
    await wire.client.exec('ip', 'link', 'set', 'later0', 'name', 'eth0');
    await daemon.expect('lease.bound', 30_000);
    expect(await addressesOf(wire.client)).toHaveLength(1);
  });

  it('leaves a link with an address of somebody else alone', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client);
    await wire.client.exec('ip', 'address', 'add', '10.77.0.200/24', 'dev', 'eth0');
    const oneShot = machine.acquire();
    expect(await oneShot.exited).toBe(0);
    await oneShot.expect('link.foreign');
    expect(await addressesOf(wire.client)).toEqual(['10.77.0.200/24']);
  });
});

describe('a full or read-only disk', () => {
  it('does not keep the node from its address, and the files follow once it is writable', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, { ...SRV0, options: [`6,${SERVER}`] });
    const machine = await Machine.open(wire.client);
    await mkdir(machine.runFile(''), { mode: 0o555 });
    const daemon = machine.run();
    await daemon.expect('publish.fail');
    expect(await addressesOf(wire.client)).toHaveLength(1);
    await chmod(machine.runFile(''), 0o755);
    await daemon.expect('dns.set');
    await expect.poll(() => machine.lease().catch(() => undefined)).toMatchObject({ if: 'eth0' });
  });
});

describe('the one-shot', () => {
  it('prints its plan and changes nothing without any capability', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const machine = await Machine.open(wire.client);
    const agent = machine.startWith([], 'acquire', '--dry-run');
    expect(await agent.exited).toBe(0);
    expect(JSON.parse(agent.lines[0] ?? '')).toMatchObject({
      links: [{ link: 'eth0', foreign: false }],
    });
    expect(await wire.client.ip('link', 'show', 'eth0')).toMatchObject([{ operstate: 'DOWN' }]);
  });

  it('ends with 77 and names the missing capability before it changes the link', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const machine = await Machine.open(wire.client);
    const agent = machine.startWith(['net_raw'], 'acquire');
    expect(await agent.exited).toBe(77);
    await agent.expect('NET_ADMIN');
    expect(await wire.client.ip('link', 'show', 'eth0')).toMatchObject([{ operstate: 'DOWN' }]);
  });

  it('ends with 69 when no server replies in time', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const machine = await Machine.open(wire.client);
    const agent = machine.acquire('--timeout=1');
    expect(await agent.exited).toBe(69);
    await agent.expect('KIOS_DHCP_TIMEOUT');
  });

  it.each([
    ['--on-expire=sometimes', 64],
    ['--no-such-flag', 64],
    ['--interface=a/b', 64],
    ['--client-id=serial', 64],
  ])('refuses %s with %i', async (flag, code) => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const machine = await Machine.open(wire.client);
    expect(await machine.acquire(flag).exited).toBe(code);
  });
});
