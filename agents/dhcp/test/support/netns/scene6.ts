import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

import { Lan, type RunningProcess } from '@kios/testkit';
import {
  type Announcement,
  type Dhcp6Server,
  type Dhcp6Settings,
  type Message6Name,
  Radvd,
} from '@kios/testkit/dhcp';

import { eventually, Machine, shippedRuntime } from './agent.ts';
import { LanScene } from './lan-scene.ts';
import { acceptRouters, isTentative } from './network6.ts';

export const NETWORK = '2001:db8:77';
export const ROUTER = `${NETWORK}::1`;
const NEIGHBOUR = `${NETWORK}::9`;

const SETTINGS: Omit<Dhcp6Settings, 'folder'> = {
  network: NETWORK,
  stateful: true,
  slaac: false,
  rapidCommit: false,
  validSeconds: 3600,
  t1Seconds: 1800,
  t2Seconds: 2880,
  dns: [`${NETWORK}::53`],
  search: ['example.org'],
};

/** A network of IPv6 alone: a machine, a neighbour, and a server that announces itself, or has a router beside it. */
export class Scene6 extends LanScene {
  #program: Dhcp6Server;
  /** Folder of the server's leases and DUID; a new one makes another server. */
  #leases: string;
  #running: RunningProcess | undefined;
  #router: Radvd | undefined;

  private constructor(program: Dhcp6Server, lan: Lan, machine: Machine, leases: string) {
    super(lan, machine, 'v6');
    this.#program = program;
    this.#leases = leases;
  }

  static async open(program: Dhcp6Server): Promise<Scene6> {
    const lan = await Lan.open(`${ROUTER}/64`, `${NEIGHBOUR}/64`);
    await acceptRouters(lan.client);
    // Servers cannot open their sockets before.
    await eventually(async () => {
      if (await isTentative(lan.server, 'srv0')) throw new Error('srv0 has no address yet');
    });
    const machine = await Machine.open(lan.client, shippedRuntime());
    const leases = await mkdtemp(path.join(lan.server.folder, 'leases-'));
    return new Scene6(program, lan, machine, leases);
  }

  /** The shortest lease that both server and client take. */
  get shortLease(): number {
    return Math.max(64, this.#program.minValidSeconds);
  }

  /** Starts the server, and a router that tells of it. It knows the leases of earlier ones. */
  async serve(settings: Partial<Dhcp6Settings> = {}, announced = true): Promise<void> {
    const all = { ...SETTINGS, folder: this.#leases, ...settings };
    this.#running = await this.#program.start(this.server, all);
    if (announced && !this.#program.announces) {
      const prefix = all.slaac ? { prefix: `${all.network}::/64` } : {};
      await this.announce({ ...(all.stateful ? { managed: true } : { other: true }), ...prefix });
    }
  }

  async announce(announcement: Announcement): Promise<void> {
    if (this.#router === undefined) this.#router = await Radvd.start(this.server, announcement);
    else await this.#router.announce(announcement);
  }

  /** Counts the solicitations that the router has seen. */
  get solicitations(): number {
    return (this.#router?.process.lines ?? []).filter((line) => line.includes('received RS'))
      .length;
  }

  /** Ends the router without a last word. */
  async killRouter(): Promise<void> {
    await this.#router?.stop('SIGKILL');
    this.#router = undefined;
  }

  /** Makes the next server another one, which knows nothing. */
  async changeServer(program = this.#program): Promise<void> {
    this.#program = program;
    this.#leases = await mkdtemp(path.join(this.server.folder, 'leases-'));
  }

  async stopServing(): Promise<void> {
    await this.#running?.stop();
  }

  /** Counts a kind of message in the log of the server that runs now. */
  count(kind: Message6Name): number {
    const logged = this.#program.log[kind];
    return (this.#running?.lines ?? []).filter((line) => logged.test(line)).length;
  }

  /** Waits for a message, past or future, in the log of the server that runs now. */
  async expect(kind: Message6Name, deadlineMs?: number): Promise<void> {
    await this.#running?.expect(this.#program.log[kind], deadlineMs);
  }

  async expectNext(kind: Message6Name, deadlineMs?: number): Promise<void> {
    await this.#running?.expectNext(this.#program.log[kind], deadlineMs);
  }

  /** Pulls the cable, and plugs it in again. */
  async flap(): Promise<void> {
    await this.server.exec('ip', 'link', 'set', 'port1', 'down');
    await this.server.exec('ip', 'link', 'set', 'port1', 'up');
  }
}
