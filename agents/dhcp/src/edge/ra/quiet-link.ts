import { sleep } from '@kios/agent';
import type { Link } from '@kios/netlink';
import type { RouterEvent, RouterFlags, Routers } from '@kios/netlink/routers';

import { afterSolicitation, startSoliciting } from '../../core/ra/solicitation.ts';
import type { ClientPorts } from '../client/client-options.ts';
import { bootTime } from '../kernel/clock.ts';
import { isUsableLinkLocal } from '../v6/link-local.ts';
import { Cable } from './cable.ts';
import { solicit } from './solicit.ts';

/** All that is done for IPv6 on a link whose routers are silent, so that the code for more need not be loaded. */
export class QuietLink {
  readonly #link: Link;
  readonly #ports: ClientPorts;
  readonly #routers: Routers;
  readonly #signal: AbortSignal;
  readonly #cable = new Cable();
  #asking = new AbortController();

  constructor(link: Link, ports: ClientPorts, routers: Routers, signal: AbortSignal) {
    this.#link = link;
    this.#ports = ports;
    this.#routers = routers;
    this.#signal = signal;
  }

  /** Reports the carrier. */
  carrier(up: boolean): void {
    const isBack = this.#cable.carrier(up);
    this.#asking.abort();
    if (!isBack) return;
    this.#asking = new AbortController();
    // It ends with the signal. What else fails, such as a right that is missing, is no reason not to listen.
    this.#ask(AbortSignal.any([this.#signal, this.#asking.signal])).catch(() => undefined);
  }

  /** Waits for the first word of a router. Undefined when there was one before. */
  async firstWord(): Promise<RouterEvent | undefined> {
    try {
      const events = this.#routers.events(this.#signal);
      if (await this.#hasSpoken()) return undefined;
      for await (const event of events) if (await this.#isWord(event)) return event;
      return undefined;
    } finally {
      this.#asking.abort();
    }
  }

  async #isWord(event: RouterEvent): Promise<boolean> {
    if (event.tag === 'overrun') return this.#hasSpoken();
    if (event.tag === 'options') return event.said.ifindex === this.#link.index;
    return this.#areOwn(event.flags);
  }

  async #hasSpoken(): Promise<boolean> {
    return (await this.#routers.flags()).some((each) => this.#areOwn(each));
  }

  /** The kernel keeps managed and other of a link that was down. */
  #areOwn({ ifindex, received, managed, other }: RouterFlags): boolean {
    return ifindex === this.#link.index && (received || managed || other);
  }

  async #ask(signal: AbortSignal): Promise<void> {
    let soliciting = startSoliciting(bootTime());
    while (soliciting.nextAt !== Infinity) {
      await sleep(Math.max(0, soliciting.nextAt - bootTime()), signal);
      const addresses = await this.#ports.rtnetlink.addresses('ipv6');
      const own = addresses.filter(({ ifindex }) => ifindex === this.#link.index);
      const linkLocal = own.find(isUsableLinkLocal)?.address;
      // The kernel asks when it has one.
      if (linkLocal === undefined) return;
      solicit(this.#link, linkLocal, this.#ports.log);
      soliciting = afterSolicitation(soliciting, bootTime());
    }
  }
}
