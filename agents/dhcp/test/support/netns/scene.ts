import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import { Lan, type RunningProcess } from '@kios/testkit';
import { type DhcpServer, type DhcpSettings, type Message, Tap } from '@kios/testkit/dhcp';

import { Machine, shippedRuntime } from './agent.ts';
import { LanScene } from './lan-scene.ts';

export const ADDRESS = '10.77.0.1';
/** Address for a server that leaves its first one. */
export const SECOND_ADDRESS = '10.77.0.2';
const NEIGHBOUR = '10.77.0.9';

const SETTINGS: Omit<DhcpSettings, 'folder'> = {
  address: ADDRESS,
  pool: ['10.77.0.10', '10.77.0.20'],
  router: ADDRESS,
  dns: [ADDRESS],
  leaseSeconds: 3600,
  t1Seconds: 1800,
  t2Seconds: 3150,
};

/** A server, a machine and a neighbour on one network, with a tap. */
export class Scene extends LanScene {
  readonly tap: Tap;
  #program: DhcpServer;
  /** Folder of the server's leases; a new one makes a server without memory. */
  #leases: string | undefined;
  #running: RunningProcess | undefined;

  private constructor(server: DhcpServer, lan: Lan, machine: Machine, tap: Tap) {
    super(lan, machine, 'eth0.json');
    this.#program = server;
    this.tap = tap;
  }

  static async open(server: DhcpServer): Promise<Scene> {
    const lan = await Lan.open(`${ADDRESS}/24`, `${NEIGHBOUR}/24`);
    const machine = await Machine.open(lan.client, shippedRuntime());
    return new Scene(server, lan, machine, await Tap.open(lan.server));
  }

  /** The shortest lease that the server grants, at least eight seconds. */
  get shortLease(): number {
    return Math.max(8, this.#program.minLeaseSeconds);
  }

  /** Starts the server. It knows the leases of earlier ones. */
  async serve(settings: Partial<DhcpSettings> = {}): Promise<void> {
    this.#leases ??= await mkdtemp(path.join(this.server.folder, 'leases-'));
    const all = { ...SETTINGS, folder: this.#leases, ...settings };
    const leaseSeconds = Math.max(this.#program.minLeaseSeconds, all.leaseSeconds);
    this.#running = await this.#program.start(this.server, { ...all, leaseSeconds });
  }

  async stopServing(): Promise<void> {
    await this.#running?.stop();
  }

  /** Makes the next server start without leases. */
  forgetLeases(): void {
    this.#leases = undefined;
  }

  /** Makes the next server another program, which knows nothing. */
  changeServer(program: DhcpServer): void {
    this.#program = program;
    this.forgetLeases();
  }

  /** Gives servers another address: unicasts to the old one are lost. */
  async moveServer(address: string): Promise<void> {
    const { server } = this;
    await server.exec('ip', 'address', 'flush', 'dev', 'srv0');
    await server.exec('ip', 'address', 'add', `${address}/24`, 'dev', 'srv0');
  }

  /** Counts a kind of message in the server's log, or on the wire when the server does not log it. */
  count(kind: Message): number {
    const logged = this.#program.log[kind];
    if (logged === undefined) return this.tap.seen(kind).length;
    return (this.#running?.lines ?? []).filter((line) => logged.test(line)).length;
  }
}
