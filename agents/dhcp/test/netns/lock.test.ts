import { chmod, stat } from 'node:fs/promises';

import { requireRoot, startDnsmasq, Wire } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, Machine, runtimes } from '../support/netns/agent.ts';

const SERVER = '10.77.0.1';
const SRV0 = { interface: 'srv0', range: '10.77.0.10,10.77.0.20,255.255.255.0,2m' };

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

/** A program of a pod with hostNetwork: it takes every name of a lock that it can reach, and says what it got. */
const HOSTILE = `
  const { closeSync, openSync } = require('node:fs');
  for (const name of ['kios.dhcp.eth0', 'kios.dhcp', 'kios-dhcp'])
    require('node:net').createServer(() => {}).listen('\\0' + name);
  const got = ['r', 'r+', 'w'].filter((flags) => {
    try {
      closeSync(openSync(process.argv[1], flags));
      return true;
    } catch (error) {
      if (!['EACCES', 'ENOENT'].includes(error.code)) throw error;
      return false;
    }
  });
  setTimeout(() => console.log('tried, opened: [' + got + ']'), 100);
  setInterval(() => {}, 60_000);`;

describe.each(runtimes())('the lock, under $name,', ({ program }) => {
  it('cannot be held by another user of the same network namespace', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client, program);
    expect(await machine.acquire().exited).toBe(0);
    // The folders that are above the agent's on a node let everybody through.
    for (const folder of [wire.client.folder, machine.folder]) await chmod(folder, 0o755);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
    const lock = machine.stateFile('eth0.lock');
    const hostile = wire.client.start('setpriv', [
      ...nobody,
      process.execPath,
      '-e',
      HOSTILE,
      lock,
    ]);
    await hostile.expect('tried, opened: []');
    const daemon = machine.run();
    await daemon.expect('lease.adopted', 5000);
    expect(daemon.lines.join('\n')).not.toContain('lock.');
    expect((await stat(lock)).mode & 0o777).toBe(0o600);
  });

  it('passes on at once when its holder is killed, and is said to be waited for', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client, program);
    const first = machine.run();
    await first.expect('lease.bound');
    const second = machine.run();
    const line = await second.expect('lock.wait');
    expect(line).toMatch(/"link":"eth0","holder":\{"pid":\d+,"since":"20[^"]+Z"\}/);
    await first.stop('SIGKILL');
    await second.expect(/lease\.(?:adopted|bound)/, 5000);
  });

  it('is done without on a disk that is read-only, and the node has its address', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    const machine = await Machine.open(wire.client, program);
    const daemon = machine.startOnReadOnlyState('run');
    await daemon.expect('lock.fail');
    await daemon.expect('lease.bound');
    expect(await addressesOf(wire.client)).toHaveLength(1);
  });
});
