import type { Link } from '@kios/netlink';

import { successorOf } from '../../core/kernel/successor.ts';
import type { ClientPorts } from './client-options.ts';
import { leaveLink, moveLease } from './leave-link.ts';

type Ports = Pick<ClientPorts, 'rtnetlink' | 'files' | 'log'>;

/** A link that was served, as its lease knows it. */
export interface Former {
  readonly name: string;
  readonly mac: string;
  /** Resolves when its client has ended. */
  readonly done: Promise<void>;
}

/** What happens to leases whose links are no longer served. Servers know a lease by its hardware address. */
export class LeaseMoves {
  readonly #ports: Ports;
  /** What still happens, by hardware address. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** Resolves when nothing moves any more: whatever serves the hardware address next waits for this. */
  async settled(mac: string): Promise<void> {
    await this.#running.get(mac);
  }

  /** Takes the lease off a link: to the link above it, which is then reported, or altogether. */
  leave(link: Link, former: Former, onSuccessor: (link: Link) => void): void {
    this.#run(former, async () => {
      const successor = successorOf(link, await this.#ports.rtnetlink.links());
      if (successor === undefined) return leaveLink(link, this.#ports);
      await moveLease(link, successor, this.#ports);
      onSuccessor(successor);
    });
  }

  /** Moves the lease of a link that stays to another one. */
  move(index: number, former: Former, to: Link): void {
    this.#run(former, () => moveLease({ index, name: former.name }, to, this.#ports));
  }

  /** The link has another name: its lease is known by that one from now on. */
  rename(former: Former, name: string): void {
    this.#run(former, () => this.#ports.files.move(former.name, name, former.mac));
  }

  /** The link is gone. If it was a bridge, its port asks for the address again. */
  withdraw(former: Former): void {
    const { rtnetlink, files } = this.#ports;
    const { name, mac } = former;
    this.#run(former, async () => {
      const port = (await rtnetlink.links()).find((each) => each.mac === mac);
      if (port === undefined) await files.withdraw(name);
      else await files.move(name, port.name, mac);
    });
  }

  #run({ mac, name, done }: Former, work: () => Promise<void>): void {
    const run = async (): Promise<void> => {
      await done;
      await work();
    };
    const settled = run()
      .catch((err: unknown) => this.#ports.log.error({ ev: 'lease.fail', link: name, err }))
      .finally(() => {
        if (this.#running.get(mac) === settled) this.#running.delete(mac);
      });
    this.#running.set(mac, settled);
  }
}
