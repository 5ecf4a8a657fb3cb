import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

import { Netns, requireRoot } from '@kios/testkit';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { Border, SEGMENT } from '../support/relay/border.ts';
import { startRouter } from '../support/relay/router.ts';

const IPV6 = '2001:db8:16::1';
const IPV4 = '10.77.0.1';
const GUEST = '2001:db8:16::9';

const open: AsyncDisposable[] = [];
const opened = <Thing extends AsyncDisposable>(thing: Thing): Thing => {
  open.push(thing);
  return thing;
};

/** Says `word` to each connection on this port of 127.0.0.1. */
async function saying(word: string): Promise<number> {
  const server: Server = opened(createServer((socket) => socket.end(word)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A namespace whose `eth0` is on the border's segment, in place of a guest. */
async function guestOn(border: Border): Promise<Netns> {
  const guest = opened(await Netns.open('guest'));
  const peer = ['peer', 'name', 'guest0', 'netns', border.netns.name];
  await guest.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', ...peer);
  await border.exec('ip', 'link', 'set', 'guest0', 'master', SEGMENT, 'up');
  await guest.exec('ip', 'address', 'add', `${GUEST}/64`, 'dev', 'eth0', 'nodad');
  await guest.exec('ip', 'address', 'add', '10.77.0.9/24', 'dev', 'eth0');
  await guest.exec('ip', 'link', 'set', 'eth0', 'up');
  return guest;
}

const READ = `const [host, port] = process.argv.slice(-2);
const socket = require('node:net').connect(Number(port), host);
socket.on('error', (error) => process.stdout.write(error.code)).pipe(process.stdout);`;
const heard = (guest: Netns, host: string, port: number): Promise<string> =>
  guest.exec(process.execPath, '-e', READ, host, String(port));

const SAY = `require('node:net').createServer((socket) => socket.end('guest'))
  .listen(10250, '::', () => console.log('says'));`;

beforeAll(() => ensurePackages(['netns'], silent), 300_000);
beforeEach((context) => requireRoot(context));
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

it('leads the offered port of both its addresses to the workstation, and no other', async () => {
  const border = opened(await Border.create({ ipv4: `${IPV4}/24`, ipv6: `${IPV6}/64` }));
  const guest = await guestOn(border);
  const [offered, kept] = [await saying('offered'), await saying('kept')];
  await border.offer(offered);
  expect(await heard(guest, IPV6, offered)).toBe('offered');
  expect(await heard(guest, IPV4, offered)).toBe('offered');
  expect(await heard(guest, IPV6, kept)).toBe('ECONNREFUSED');
});

it('leads a port of the workstation to a guest', async () => {
  const border = opened(await Border.create({ ipv6: `${IPV6}/64` }));
  const guest = await guestOn(border);
  await guest.start(process.execPath, ['-e', SAY]).expect('says');
  const near = await border.lead(GUEST, 10250);
  expect(await run(process.execPath, ['-e', READ, '127.0.0.1', String(near)])).toBe('guest');
});

it('has no IPv4 without an address of it', async () => {
  const border = opened(await Border.create({ ipv6: `${IPV6}/64` }));
  expect(await border.netns.ip('-4', 'address', 'show', 'dev', SEGMENT)).toEqual([]);
});

it('gives each card a port of its own', async () => {
  const border = opened(await Border.create({ ipv6: `${IPV6}/64` }));
  expect([await border.tap(), await border.tap()]).toEqual(['tap0', 'tap1']);
  const ports = await border.netns.ip('link', 'show', 'master', SEGMENT, 'type', 'tun');
  expect(ports).toHaveLength(2);
});

it('has a router of which a host makes its address and learns the name server', async () => {
  const border = opened(await Border.create({ ipv6: `${IPV6}/64` }));
  const router = await startRouter(border, {
    prefix: '2001:db8:16::',
    announced: 'fe80::',
    names: { 'api.kios.test': [IPV6, '192.0.2.1'] },
  });
  const guest = await guestOn(border);
  await vi.waitFor(
    async () => {
      const shown = await guest.exec('ip', '-6', 'address', 'show', 'dev', 'eth0', 'dynamic');
      expect(shown).toContain('inet6 2001:db8:16:');
      expect(await guest.exec('ip', '-6', 'route', 'show', 'default')).toContain('dev eth0');
    },
    { timeout: 20_000, interval: 200 },
  );
  const ask = `const resolver = new (require('node:dns/promises').Resolver)();
    resolver.setServers(['${IPV6}']);
    Promise.all([resolver.resolve4('api.kios.test'), resolver.resolve6('api.kios.test')])
      .then((found) => console.log(found.join()))`;
  expect(await guest.exec(process.execPath, '-e', ask)).toBe(`192.0.2.1,${IPV6}\n`);
  expect(router.lines.join('\n')).not.toContain('DHCPACK');
}, 40_000);
