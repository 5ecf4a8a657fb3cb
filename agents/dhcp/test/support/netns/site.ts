import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { writeAtomic } from '@kios/agent';
import type { RunningProcess } from '@kios/testkit';
import { Radvd } from '@kios/testkit/dhcp';
import * as v from 'valibot';
import { expect } from 'vitest';

import { addressesOf, eventually, macOf } from './agent.ts';
import { acceptRouters, globalsOf, isTentative } from './network6.ts';
import type { Network } from './networks.ts';
import { PodOnLan } from './pod-on-lan.ts';
import { ADDRESS, Scene } from './scene.ts';
import { SecondSegment } from './second-segment.ts';

/** Long, because an emulated machine takes many times as long for everything. */
export const PROMPT = 60_000;
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

/** Announces a prefix on the network. */
async function announce({ client, server }: Scene): Promise<void> {
  await acceptRouters(client);
  await server.exec('ip', 'address', 'add', `${NETWORK6}:1/64`, 'dev', 'srv0');
  await eventually(async () => {
    if (await isTentative(server, 'srv0')) throw new Error('srv0 has no address yet');
  });
  await Radvd.start(server, { prefix: `${NETWORK6}:/64` });
}

/** A machine on one of the networks. */
export class Site implements AsyncDisposable {
  readonly scene: Scene;
  readonly #network: Network;
  readonly #segment: SecondSegment | undefined;
  readonly #flags: readonly string[];
  #pod: PodOnLan | undefined;

  private constructor(
    scene: Scene,
    network: Network,
    segment: SecondSegment | undefined,
    flags: readonly string[],
  ) {
    this.scene = scene;
    this.#network = network;
    this.#segment = segment;
    this.#flags = flags;
  }

  static async open(network: Network): Promise<Site> {
    const scene = await Scene.open(network.server);
    await scene.serve();
    await network.wiring.connect(scene);
    if (network.dual === true) await announce(scene);
    const segment = network.segments === true ? await SecondSegment.open(scene) : undefined;
    const flags = network.pods === true ? await PodOnLan.prepare(scene) : [];
    if (network.file !== undefined) {
      const file = path.join(scene.machine.folder, 'etc/network.yaml');
      await mkdir(path.dirname(file), { recursive: true });
      await writeAtomic(file, network.file);
      flags.push(`--network=${file}`);
    }
    return new Site(scene, network, segment, flags);
  }

  /** The number of links that have a lease, unless addresses are fixed. */
  get leases(): number {
    return this.#network.links.length + (this.#segment === undefined ? 0 : 1);
  }

  start(verb: 'acquire' | 'run'): RunningProcess {
    const { cards } = this.#network.wiring;
    const all = this.#segment === undefined ? cards : [...cards, 'eth1'];
    return this.scene.machine.startAuto(verb, all, ...this.#flags);
  }

  /** Starts as a boot does. Returns the daemon once each link has its address. */
  async boot(): Promise<RunningProcess> {
    const code = await this.start('acquire').exited;
    if (code !== 0) throw new Error(`acquire ended with ${code}`);
    const daemon = this.start('run');
    await daemon.expect(this.#network.fixed === true ? 'network.file' : 'lease.adopted', PROMPT);
    if (this.#network.moved === true) await this.#move();
    await this.has(this.#network.fixed === true ? /^10\.77\.0\.44\/24$/ : POOL, ADDRESS);
    if (this.#network.pods === true) {
      this.#pod = await PodOnLan.start(this.scene, daemon);
      await this.#pod.check();
    }
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
    await eventually(async () => {
      await checkLinks(this.scene, this.#network, pool, router);
      await this.#segment?.check();
      await this.#pod?.check();
    }, PROMPT);
  }

  async pull(): Promise<void> {
    await this.#setCables('down');
  }

  async plug(): Promise<void> {
    await this.#setCables('up');
  }

  async #setCables(state: 'up' | 'down'): Promise<void> {
    const { wiring, links } = this.#network;
    for (const port of wiring.ports) await this.scene.server.exec('ip', 'link', 'set', port, state);
    await this.#segment?.setCable(state);
    // A bridge with a pod has a carrier all the time.
    const watched = this.#pod === undefined ? links : wiring.cards;
    for (const link of watched) await this.#carrier(link, state === 'up');
  }

  async #carrier(link: string, up: boolean): Promise<void> {
    await eventually(async () => {
      const [found] = v.parse(Links, await this.scene.client.ip('link', 'show', link));
      if ((found?.operstate === 'UP') !== up) throw new Error(`${link} is ${found?.operstate}`);
    }, PROMPT);
  }

  count(kind: 'discover' | 'request'): number {
    return this.scene.tap.seen(kind).length + (this.#segment?.count(kind) ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
    await this.#segment?.[Symbol.asyncDispose]();
    await this.#pod?.[Symbol.asyncDispose]();
  }
}
