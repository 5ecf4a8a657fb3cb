import { mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';

import { Netns } from '@kios/testkit';
import { dnsmasq, Tap } from '@kios/testkit/dhcp';
import { expect } from 'vitest';

import { addressesOf } from './agent.ts';
import type { Scene } from './scene.ts';

const LINK = 'eth1';
const PORT = 'port1';
const ADDRESS = '10.79.0.1';
const POOL = /^10\.79\.0\.1\d\d\/24$/;

async function checkCard(
  { client, machine }: Scene,
  before: string | undefined,
): Promise<string | undefined> {
  const addresses = await addressesOf(client, LINK);
  expect(addresses).toEqual([before ?? expect.stringMatching(POOL)]);
  expect((await machine.lease(LINK)).address).toBe(addresses[0]);
  const first = await client.exec('ip', 'route', 'get', '198.51.100.1');
  expect(first).toContain('dev eth0');
  const second = await client.exec('ip', 'route', 'show', 'default', 'dev', LINK);
  expect(second).toContain(`via ${ADDRESS}`);
  expect(await client.exec('ip', 'route', 'get', ADDRESS)).toContain(`${ADDRESS} dev ${LINK}`);
  const resolver = await readFile(machine.runFile('resolv.conf'), 'utf8');
  expect(resolver.trimEnd().endsWith(`nameserver ${ADDRESS}`)).toBe(true);
  return addresses[0];
}

/** A segment of its own behind the machine's second card, with a server that never changes. */
export class SecondSegment implements AsyncDisposable {
  readonly #scene: Scene;
  readonly #server: Netns;
  readonly #tap: Tap;
  /** The machine's address, once it has one. */
  #address: string | undefined;

  private constructor(scene: Scene, server: Netns, tap: Tap) {
    this.#scene = scene;
    this.#server = server;
    this.#tap = tap;
  }

  static async open(scene: Scene): Promise<SecondSegment> {
    const server = await Netns.open('second');
    const peer = ['peer', 'name', PORT, 'netns', server.name];
    await scene.client.exec('ip', 'link', 'add', LINK, 'type', 'veth', ...peer);
    // The server's own link stays up when the cable is pulled.
    await server.exec('ip', 'link', 'add', 'srv0', 'type', 'bridge', 'forward_delay', '0');
    await server.exec('ip', 'address', 'add', `${ADDRESS}/24`, 'dev', 'srv0');
    await server.exec('ip', 'link', 'set', 'srv0', 'up');
    await server.exec('ip', 'link', 'set', PORT, 'master', 'srv0', 'up');
    await dnsmasq.start(server, {
      address: ADDRESS,
      pool: ['10.79.0.100', '10.79.0.120'],
      router: ADDRESS,
      dns: [ADDRESS],
      leaseSeconds: 3600,
      t1Seconds: 1800,
      t2Seconds: 3150,
      folder: await mkdtemp(path.join(server.folder, 'leases-')),
    });
    return new SecondSegment(scene, server, await Tap.open(server));
  }

  count(kind: 'discover' | 'request'): number {
    return this.#tap.seen(kind).length;
  }

  async setCable(state: 'up' | 'down'): Promise<void> {
    await this.#server.exec('ip', 'link', 'set', PORT, state);
  }

  /** Fails unless the second card has its address since the first check, and the second best default route. */
  async check(): Promise<void> {
    this.#address = await checkCard(this.#scene, this.#address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
