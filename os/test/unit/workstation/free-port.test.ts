import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

import { expect, it } from 'vitest';

import { freePort, isPortFree } from '../../../src/workstation/free-port.ts';

it('returns a free port that the kernel gives to no outgoing connection', async () => {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const [first = 0] = range.trim().split(/\s+/).map(Number);
  const port = await freePort();
  expect(port).toBeLessThan(first);
  expect(await isPortFree(port)).toBe(true);
});

it('a port on which a server listens is not free', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  expect(await isPortFree(port)).toBe(false);
  server.close();
});
