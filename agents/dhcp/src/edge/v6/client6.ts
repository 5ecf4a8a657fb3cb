import { DecodeError } from '@kios/bytes';
import type { Address, Link, NetworkEvent } from '@kios/netlink';
import type { RouterEvent, Routers } from '@kios/netlink/routers';
import { openBootTimer } from '@kios/syscall';

import { acceptReply6 } from '../../core/v6/client/replies.ts';
import type { Message6 } from '../../core/v6/wire/message.ts';
import type { ClientPorts } from '../client/client-options.ts';
import { Mailbox } from '../client/mailbox.ts';
import { Cable } from '../ra/cable.ts';
import { RouterListener } from '../ra/router-listener.ts';
import { Drops, receiveAll } from '../sockets/receivers.ts';
import { Dhcp6 } from './dhcp6.ts';
import { isUsableGlobal, isUsableLinkLocal } from './link-local.ts';
import type { Options6 } from './options6.ts';
import type { Socket6 } from './socket6.ts';

/** The kernel's notifications that are heeded. */
type Heard = Extract<NetworkEvent, { tag: 'address' }> | RouterEvent;

/** What the producers report. */
type Item =
  | Heard
  | { readonly tag: 'carrier'; readonly up: boolean }
  | { readonly tag: 'message'; readonly message: Message6 }
  | { readonly tag: 'timer' };

/**
 * IPv6 on one link: the name servers that routers announce, and DHCPv6 as they ask for it. The addresses that routers
 * announce, and all routes, are the kernel's.
 */
export class Client6 {
  readonly #link: Link;
  readonly #options: Options6;
  readonly #ports: ClientPorts;
  readonly #routers: Routers;
  readonly #mailbox = new Mailbox<Item>();
  readonly #bound = Promise.withResolvers<void>();
  readonly #announced = Promise.withResolvers<void>();
  readonly #drops: Drops;
  readonly #cable = new Cable();
  #linkLocal: string | undefined;

  /** `routers` was opened for this client, and `first` is what it has said already. */
  constructor(
    link: Link,
    options: Options6,
    ports: ClientPorts,
    routers: Routers,
    first: RouterEvent | undefined,
  ) {
    this.#link = link;
    this.#options = options;
    this.#ports = ports;
    this.#routers = routers;
    if (first !== undefined && this.#concerns(first)) this.#mailbox.put(first);
    this.#drops = new Drops(ports.log, link.name, 'info');
  }

  /** Resolves once the link has an address of a router or of a DHCPv6 server. */
  get bound(): Promise<void> {
    return this.#bound.promise;
  }

  /** Resolves once a router has announced itself. */
  get announced(): Promise<void> {
    return this.#announced.promise;
  }

  /** Reports the carrier. */
  carrier(up: boolean): void {
    this.#mailbox.put({ tag: 'carrier', up });
  }

  /** Runs until the signal is raised. Addresses stay: only their expiry removes them. */
  async run(until: AbortSignal): Promise<void> {
    const ended = new AbortController();
    try {
      await this.#serve(AbortSignal.any([until, ended.signal]));
    } finally {
      // A failure ends what still listens.
      ended.abort();
    }
  }

  async #serve(signal: AbortSignal): Promise<void> {
    const routers = this.#routers;
    this.#follow(routers.events(signal));
    this.#follow(this.#ports.rtnetlink.events(signal, ['address6']));
    using timer = openBootTimer();
    this.#attempt(() => this.#ring(timer, signal));
    const receive = (socket: Socket6): void => this.#listen(socket, dhcp, signal);
    using dhcp = await Dhcp6.open(this.#link, this.#options, this.#ports, receive, signal);
    const listener = new RouterListener(this.#link, this.#options, this.#ports);
    await this.#look(routers, listener, dhcp);
    while (!signal.aborted) {
      await dhcp.feed({ tag: 'mode', mode: listener.mode });
      if (listener.isAnnounced) this.#announced.resolve();
      const wakeAt = Math.min(listener.wakeAt, dhcp.wakeAt);
      timer.set(wakeAt === Infinity ? undefined : wakeAt);
      const item = await this.#mailbox.take(signal);
      if (item === undefined) break;
      await this.#handle(item, routers, listener, dhcp);
      if (listener.isUnsure) await this.#readFlags(routers, listener);
    }
  }

  async #handle(
    item: Item,
    routers: Routers,
    listener: RouterListener,
    dhcp: Dhcp6,
  ): Promise<void> {
    switch (item.tag) {
      case 'carrier': {
        const isBack = this.#cable.carrier(item.up);
        await this.#onReady(listener, dhcp);
        if (isBack) listener.onCableBack();
        return;
      }
      case 'address':
        return this.#onAddress(item.address, item.gone, listener, dhcp);
      case 'flags':
        listener.setFlags(item.flags);
        return;
      case 'options':
        return listener.hear(item.said);
      case 'overrun':
        listener.askAgain();
        await this.#look(routers, listener, dhcp);
        return dhcp.repair();
      case 'message':
        return dhcp.feed({ tag: 'reply', message: item.message });
      case 'timer':
        await listener.onTimer();
        return dhcp.feed({ tag: 'timer' });
    }
  }

  /** Reads what notifications told before they were followed, or while they were lost. */
  async #look(routers: Routers, listener: RouterListener, dhcp: Dhcp6): Promise<void> {
    const { index } = this.#link;
    await this.#readFlags(routers, listener);
    const addresses = await this.#ports.rtnetlink.addresses('ipv6');
    const own = addresses.filter(({ ifindex }) => ifindex === index);
    if (own.some(isUsableGlobal)) this.#bound.resolve();
    this.#linkLocal = own.find(isUsableLinkLocal)?.address;
    // A lease of an earlier run goes on without a message; a link that seems to lose its cable would have it confirmed.
    if (this.#cable.isKnown) await this.#onReady(listener, dhcp);
  }

  async #readFlags(routers: Routers, listener: RouterListener): Promise<void> {
    const all = await routers.flags();
    listener.setFlags(all.find(({ ifindex }) => ifindex === this.#link.index));
  }

  async #onAddress(
    address: Address,
    gone: boolean,
    listener: RouterListener,
    dhcp: Dhcp6,
  ): Promise<void> {
    if (!gone && isUsableGlobal(address)) this.#bound.resolve();
    if (!gone && this.#linkLocal === undefined && isUsableLinkLocal(address)) {
      this.#linkLocal = address.address;
      await this.#onReady(listener, dhcp);
    } else if (gone && address.address === this.#linkLocal) {
      this.#linkLocal = undefined;
      await this.#onReady(listener, dhcp);
    }
    await dhcp.onAddress(address, gone);
  }

  /** Until the kernel has made sure of the link-local address nothing can be sent from it. RFC 4862 §5.4. */
  async #onReady(listener: RouterListener, dhcp: Dhcp6): Promise<void> {
    const address = this.#cable.isIn ? this.#linkLocal : undefined;
    listener.setLinkLocal(address);
    await dhcp.setLinkLocal(address);
  }

  /** The links of pods come and go, and are none of this client's. */
  #concerns(event: NetworkEvent | RouterEvent): event is Heard {
    const { index } = this.#link;
    if (event.tag === 'address') return event.address.ifindex === index;
    if (event.tag === 'flags') return event.flags.ifindex === index;
    if (event.tag === 'options') return event.said.ifindex === index;
    return event.tag === 'overrun';
  }

  #follow(events: AsyncIterable<NetworkEvent | RouterEvent>): void {
    this.#attempt(async () => {
      for await (const event of events) if (this.#concerns(event)) this.#mailbox.put(event);
    });
  }

  async #ring(timer: ReturnType<typeof openBootTimer>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await timer.fired(signal);
      this.#mailbox.put({ tag: 'timer' });
    }
  }

  #listen(socket: Socket6, { identity }: Pick<Dhcp6, 'identity'>, signal: AbortSignal): void {
    const receive = async (): Promise<void> => {
      const message = await socket.receive(signal);
      this.#accept(message, identity);
    };
    this.#attempt(() => receiveAll(receive, this.#drops, signal));
  }

  #accept(message: Message6, identity: Dhcp6['identity']): void {
    const { log } = this.#ports;
    const link = this.#link.name;
    try {
      const item = { tag: 'message', message: acceptReply6(identity, message) } as const;
      log.debug({ ev: 'rx6', link, type: message.type });
      if (!this.#mailbox.offer(item)) this.#drops.add({ why: 'too many at once' });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      log.debug({ ev: 'rx.drop', link, why: error.message });
    }
  }

  /** Lets the failure of a producer end the client. */
  #attempt(work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#mailbox.fail(error));
  }
}
