import { beforeEach, describe, expect, it } from 'vitest';

import { requireRoot, startDnsmasq, Wire } from '../src/index.ts';

beforeEach(requireRoot);

describe('a wire', () => {
  it('connects two namespaces, with a DHCP server at one end', async () => {
    await using wire = await Wire.open('10.77.0.1/24');
    const range = '10.77.0.10,10.77.0.20,255.255.255.0,2m';
    const server = await startDnsmasq(wire.server, { interface: 'srv0', range });
    expect(await wire.client.ip('link', 'show', 'eth0')).toMatchObject([{ ifname: 'eth0' }]);
    expect(await server.stop()).toBe(0);
  });

  it('shows the output when a line does not come', async () => {
    await using wire = await Wire.open('10.77.1.1/24');
    const process = wire.client.start('echo', ['hello']);
    await expect(process.expect('goodbye', 2000)).rejects.toThrow(/goodbye.*\n.*hello/);
  });
});
