import type { Server } from 'node:net';
import path from 'node:path';

import { Netns, type RunningProcess } from '@kios/testkit';

import { freePort } from '../../../src/workstation/free-port.ts';
import { relay } from './relay.ts';

const MAIN = path.join(import.meta.dirname, 'relay-main.ts');
/** The bridge, and the border's own card on the segment. */
export const SEGMENT = 'srv0';
const LOOPBACK = '127.0.0.1';

/** The border's own addresses on the segment, with prefix lengths; without one the segment lacks that family. */
export interface BorderAddresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/**
 * A segment of guests and the namespace around it: router, servers and QEMU itself run inside, and nothing leads out
 * but the ports that are named.
 */
export class Border implements AsyncDisposable {
  readonly #netns: Netns;
  readonly #outside: Server[] = [];
  #taps = 0;
  #sockets = 0;

  private constructor(netns: Netns) {
    this.#netns = netns;
  }

  static async create(addresses: BorderAddresses): Promise<Border> {
    const border = new Border(await Netns.open('border'));
    try {
      await border.#makeSegment(addresses);
    } catch (error) {
      await border.close();
      throw error;
    }
    return border;
  }

  /** Of the machine's options (`netns`), and of the testkit's servers, which serve `SEGMENT`. */
  get netns(): Netns {
    return this.#netns;
  }

  /** Adds a port for one guest's card. Returns its name, for a machine's `tap`. */
  async tap(): Promise<string> {
    const name = `tap${this.#taps}`;
    this.#taps += 1;
    await this.exec('ip', 'tuntap', 'add', name, 'mode', 'tap');
    await this.exec('ip', 'link', 'set', name, 'master', SEGMENT, 'up');
    return name;
  }

  /** Runs a program inside to its end. Returns its standard output. */
  async exec(program: string, ...args: string[]): Promise<string> {
    return this.#netns.exec(program, ...args);
  }

  /** Starts a program inside, which ends with the border at the latest. */
  start(program: string, args: readonly string[]): RunningProcess {
    return this.#netns.start(program, args);
  }

  /** Leads a port of each of the border's addresses to that of the workstation's 127.0.0.1. */
  async offer(port: number): Promise<void> {
    const socket = this.#socket();
    this.#outside.push(await relay(socket, { host: LOOPBACK, port }));
    await this.#relayInside(['::', String(port)], [socket]);
  }

  /** Returns a port of the workstation's 127.0.0.1 that leads to a port of a guest. */
  async lead(address: string, port: number): Promise<number> {
    const socket = this.#socket();
    await this.#relayInside([socket], [address, String(port)]);
    const near = await freePort();
    this.#outside.push(await relay({ host: LOOPBACK, port: near }, socket));
    return near;
  }

  /** Ends everything inside, and then the relays, which have no connection any more. */
  async close(): Promise<void> {
    await this.#netns[Symbol.asyncDispose]();
    await Promise.all(this.#outside.map((server) => server[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #makeSegment(addresses: BorderAddresses): Promise<void> {
    await this.exec('ip', 'link', 'add', SEGMENT, 'type', 'bridge', 'forward_delay', '0');
    // Without any port the bridge has no carrier, and servers cannot bind to its addresses.
    await this.exec('ip', 'link', 'add', 'filler', 'type', 'veth', 'peer', 'name', 'filler-end');
    await this.exec('ip', 'link', 'set', 'filler-end', 'up');
    await this.exec('ip', 'link', 'set', 'filler', 'master', SEGMENT, 'up');
    await this.exec('ip', 'link', 'set', SEGMENT, 'up');
    const set = ['dev', SEGMENT];
    if (addresses.ipv4 !== undefined)
      await this.exec('ip', 'address', 'add', addresses.ipv4, ...set);
    if (addresses.ipv6 !== undefined)
      await this.exec('ip', 'address', 'add', addresses.ipv6, ...set, 'nodad');
  }

  #socket(): string {
    this.#sockets += 1;
    return path.join(this.#netns.folder, `${this.#sockets}.sock`);
  }

  async #relayInside(from: readonly string[], to: readonly string[]): Promise<void> {
    const inside = this.start(process.execPath, [MAIN, ...from, 'to', ...to]);
    await inside.expect('relays');
  }
}
