import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import type { RunningProcess } from '@kios/testkit';
import {
  type DhcpServer,
  dnsmasq,
  iscDhcpd,
  kea,
  Radvd,
  systemdNetworkd,
} from '@kios/testkit/dhcp';
import * as v from 'valibot';
import { expect } from 'vitest';

import { addressesOf, eventually, macOf } from './agent.ts';
import { acceptRouters, globalsOf, isTentative } from './network6.ts';
import { ADDRESS, Scene } from './scene.ts';

export const PROMPT = 20_000;
const NETWORK6 = '2001:db8:77:';
const POOL = /^10\.77\.0\.(?:1\d|20)\/24$/;
export const POOL_OR_FIXED = /^10\.77\.0\.(?:1\d|20|44)\/24$/;
export const NEXT_POOL = /^10\.78\.0\.1[012]\d\/24$/;
export const NEXT_ADDRESS = '10.78.0.1';
export const NEXT = {
  address: NEXT_ADDRESS,
  router: NEXT_ADDRESS,
  dns: [NEXT_ADDRESS],
  pool: ['10.78.0.100', '10.78.0.120'],
} as const;
const FIXED = '10.77.0.44/24';
const STATIC = `
network:
  version: 2
  ethernets:
    eth0:
      addresses: [${FIXED}]
      routes: [{to: default, via: ${ADDRESS}}]
      nameservers: {addresses: [${ADDRESS}]}
`;
const BRIDGE = `
network:
  version: 2
  ethernets: {eth0: {}}
  bridges: {br0: {interfaces: [eth0], dhcp4: true}}
`;

/** A network that a machine is plugged into. */
export interface Network {
  readonly name: string;
  readonly server: DhcpServer;
  /** The program that takes the server's place. */
  readonly next: DhcpServer;
  readonly file?: string;
  /** Links that have an address each. */
  readonly links: readonly string[];
  readonly fixed?: boolean;
  readonly second?: boolean;
  /** Another program moves the card into a bridge of its own once it has an address. */
  readonly moved?: boolean;
  readonly dual?: boolean;
}

const ETH0 = ['eth0'];
export const NETWORKS: readonly Network[] = [
  { name: 'DHCPv4 of dnsmasq', server: dnsmasq, next: kea, links: ETH0 },
  { name: 'DHCPv4 of Kea', server: kea, next: iscDhcpd, links: ETH0 },
  { name: 'DHCPv4 of ISC dhcpd', server: iscDhcpd, next: dnsmasq, links: ETH0 },
  { name: 'DHCPv4 of systemd-networkd', server: systemdNetworkd, next: kea, links: ETH0 },
  { name: 'a static address', server: dnsmasq, next: kea, file: STATIC, links: ETH0, fixed: true },
  { name: 'a bridge', server: kea, next: dnsmasq, file: BRIDGE, links: ['br0'] },
  { name: 'two cards', server: dnsmasq, next: kea, links: ['eth0', 'eth1'], second: true },
  { name: 'a card moved', server: iscDhcpd, next: kea, links: ['br-ex'], moved: true },
  { name: 'dual stack', server: kea, next: dnsmasq, links: ETH0, dual: true },
];

const Links = v.array(v.object({ operstate: v.string() }));

async function checkLinks(
  { client, machine }: Scene,
  { links, dual = false }: Network,
  pool: RegExp,
  router: string,
): Promise<void> {
  for (const link of links) {
    const addresses = await addressesOf(client, link);
    expect(addresses).toEqual([expect.stringMatching(pool)]);
    expect((await machine.lease(link)).address).toBe(addresses[0]);
    const routes = await client.exec('ip', 'route', 'show', 'default', 'dev', link);
    expect(routes).toContain(`via ${router}`);
  }
  if (!links.includes('eth0')) expect(await addressesOf(client)).toEqual([]);
  const resolver = await readFile(machine.runFile('resolv.conf'), 'utf8');
  expect(resolver).toContain(`nameserver ${router}\n`);
  const prefixes = (await globalsOf(client)).map(({ address }) => address);
  expect(prefixes).toEqual(dual ? [expect.stringMatching(`^${NETWORK6}.*/64$`)] : []);
}

/** A machine on one of the networks. */
export class Site implements AsyncDisposable {
  readonly scene: Scene;
  readonly #network: Network;

  private constructor(scene: Scene, network: Network) {
    this.scene = scene;
    this.#network = network;
  }

  static async open(network: Network): Promise<Site> {
    const scene = await Scene.open(network.server);
    const { client, server } = scene;
    await scene.serve();
    if (network.second === true) {
      const peer = ['peer', 'name', 'port3', 'netns', server.name];
      await client.exec('ip', 'link', 'add', 'eth1', 'type', 'veth', ...peer);
      await server.exec('ip', 'link', 'set', 'port3', 'master', 'srv0', 'up');
    }
    if (network.dual === true) {
      await acceptRouters(client);
      await server.exec('ip', 'address', 'add', `${NETWORK6}:1/64`, 'dev', 'srv0');
      await eventually(async () => {
        if (await isTentative(server, 'srv0')) throw new Error('srv0 has no address yet');
      });
      await Radvd.start(server, { prefix: `${NETWORK6}:/64` });
    }
    const site = new Site(scene, network);
    if (network.file !== undefined) {
      await mkdir(path.dirname(site.#file), { recursive: true });
      await writeAtomic(site.#file, network.file);
    }
    return site;
  }

  get #file(): string {
    return path.join(this.scene.machine.folder, 'etc/network.yaml');
  }

  get #cards(): string[] {
    return this.#network.second === true ? ['eth0', 'eth1'] : ['eth0'];
  }

  start(verb: 'acquire' | 'run'): RunningProcess {
    const flags = this.#network.file === undefined ? [] : [`--network=${this.#file}`];
    return this.scene.machine.startAuto(verb, this.#cards, ...flags);
  }

  /** Starts as a boot does. Returns the daemon once each link has its address. */
  async boot(): Promise<RunningProcess> {
    const code = await this.start('acquire').exited;
    if (code !== 0) throw new Error(`acquire ended with ${code}`);
    const daemon = this.start('run');
    await daemon.expect(this.#network.fixed === true ? 'network.file' : 'lease.adopted', PROMPT);
    if (this.#network.moved === true) await this.#move();
    await this.has(this.#network.fixed === true ? /^10\.77\.0\.44\/24$/ : POOL, ADDRESS);
    return daemon;
  }

  async #move(): Promise<void> {
    const { client } = this.scene;
    const bridge = ['address', await macOf(client), 'type', 'bridge', 'forward_delay', '0'];
    await client.exec('ip', 'link', 'add', 'br-ex', ...bridge);
    await client.exec('ip', 'link', 'set', 'br-ex', 'up');
    await client.exec('ip', 'link', 'set', 'eth0', 'master', 'br-ex');
  }

  async addresses(): Promise<string[]> {
    const { client } = this.scene;
    const all = await Promise.all(this.#network.links.map((link) => addressesOf(client, link)));
    return all.flat();
  }

  /** Waits until each link has one address of a pool, in kernel and file, with its route and resolver. */
  async has(pool: RegExp, router: string): Promise<void> {
    await eventually(() => checkLinks(this.scene, this.#network, pool, router), PROMPT);
  }

  async pull(): Promise<void> {
    await this.#ports('down');
    await this.#carrier(false);
  }

  async plug(): Promise<void> {
    await this.#ports('up');
    await this.#carrier(true);
  }

  async #ports(state: 'up' | 'down'): Promise<void> {
    const ports = this.#network.second === true ? ['port1', 'port3'] : ['port1'];
    for (const port of ports) await this.scene.server.exec('ip', 'link', 'set', port, state);
  }

  async #carrier(up: boolean): Promise<void> {
    for (const link of this.#network.links) {
      await eventually(async () => {
        const [found] = v.parse(Links, await this.scene.client.ip('link', 'show', link));
        if ((found?.operstate === 'UP') !== up) throw new Error(`${link} is ${found?.operstate}`);
      });
    }
  }

  count(kind: 'discover' | 'request'): number {
    return this.scene.tap.seen(kind).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}
