import { readFileSync } from 'node:fs';
import path from 'node:path';

import { requireRoot } from '@kios/testkit';
import { makeCa, makeLeaf } from '@kios/testkit/control-plane';
import { beforeEach, expect, it, vi } from 'vitest';

import { clusterDocument } from '../support/node-folder.ts';
import { Place } from '../support/place.ts';

const API = 'api.kios.test';
const [ROUTER, OWN] = ['2001:db8:16::1', '2001:db8:16::15'];
const OWN_HEX = '20010db8001600000000000000000015';
/** A node of IPv6 alone has no route to this address. */
const ELSEWHERE = '192.0.2.1';
const PROGRAM = path.join(import.meta.dirname, '../support/api-process.ts');

/** Returns the link-local address of a place's link once no address of the place is tentative any more. */
async function linkLocal({ netns }: Place, link: string): Promise<string> {
  return vi.waitFor(
    async () => {
      expect(await netns.exec('ip', '-6', 'address', 'show', 'tentative')).toBe('');
      const shown = await netns.exec('ip', '-6', 'address', 'show', 'dev', link, 'scope', 'link');
      const [, address] = /inet6 (fe80:[^/]+)/.exec(shown) ?? [];
      if (address === undefined) throw new Error(`no link-local address: ${shown}`);
      return address;
    },
    { timeout: 20_000, interval: 100 },
  );
}

/** Serves as a cluster's API server and as the name server that knows it, and returns the CA. */
async function serve({ netns }: Place, san: string): Promise<string> {
  const { folder } = netns;
  makeCa(folder, 'ca');
  makeLeaf(folder, 'api', 'ca', { subject: '/CN=api', usage: 'serverAuth', san });
  const files = ['api.crt', 'api.key'].map((name) => path.join(folder, name));
  const server = netns.start(process.execPath, [PROGRAM, ...files, ROUTER, '6443']);
  const resolver = netns.start('dnsmasq', [
    '--conf-file=/dev/null',
    '--keep-in-foreground',
    '--log-facility=-',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
    `--pid-file=${path.join(folder, 'pid')}`,
    `--host-record=${API},${ELSEWHERE},${ROUTER}`,
  ]);
  await Promise.all([server.expect('ready', 60_000), resolver.expect('started')]);
  return readFileSync(path.join(folder, 'ca.crt'), 'utf8');
}

beforeEach(requireRoot);

it.each([
  ['a name of both families, by a link-local name server', API, `DNS:${API}`],
  ['an address', `[${ROUTER}]`, `IP:${ROUTER}`],
])('a node of IPv6 alone joins by %s', { timeout: 120_000 }, async (_what, host, san) => {
  await using router = await Place.open({ own: [], services: [] });
  await using machine = await Place.open({ own: [], services: [] });
  await Place.connect(router, machine, [`${ROUTER}/64`, `${OWN}/64`]);
  await linkLocal(machine, 'up0');
  const server = await linkLocal(router, `to-${machine.netns.name.slice(-8)}`);
  const ca = await serve(router, san);
  machine.node.route6(OWN_HEX, '00', 'up0');
  machine.node.write('run/kios/net/resolv.conf', `nameserver ${server}%up0\n`);
  machine.node.seed(clusterDocument(`https://${host}:6443`, { ca }));
  await using agent = machine.agent('join', ['--lease-grace=1']);
  expect([await agent.exit, agent.errors]).toEqual([0, '']);
  expect(machine.node.read('etc/kubernetes/node-ip')).toBe(`${OWN}\n`);
  expect(machine.node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain(
    `https://${host}:6443`,
  );
  expect(machine.node.sent).toEqual(['03']);
});
