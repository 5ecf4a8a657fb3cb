import { backoff, sleep } from '@kios/agent';
import type { Address, Link, NetworkEvent, Rtnetlink } from '@kios/netlink';

import { LINK_METRIC } from '../../core/kernel/metric.ts';
import { isLeased } from '../../core/kernel/present.ts';
import { isTaker } from '../../core/kernel/successor.ts';
import type { Override } from '../../core/network/client-settings.ts';
import type { LinkSettings } from '../../core/settings/settings.ts';
import { bootTime } from '../kernel/clock.ts';
import { isPassingMac } from '../settings/identity.ts';
import type { ClientOptions, ClientPorts } from './client-options.ts';
import { Client } from './client.ts';
import { kernelAddress, stopped, type Watched, whileOthers } from './foreign-link.ts';
import { LeaseMoves } from './lease-moves.ts';
import { lockLink } from './link-lock.ts';
import { OwnLinks } from './own-links.ts';
import { type Listener6, serve6 } from './serve6.ts';

/** A client that failed starts again: what it misses, such as a right, may come back. */
const RESTART = { firstMs: 1000, maxMs: 60_000 } as const;
const ALL = ['link', 'address', 'route'] as const;

/** How a link is served. A client starts anew when it changes. */
export interface Role {
  /** Whether its addresses of IPv4 come by DHCP. */
  readonly ipv4: boolean;
  /** Whether routers and DHCPv6 are listened to. */
  readonly ipv6: boolean;
  /** Orders links; without it their discovery does. */
  readonly metric?: number;
  readonly override?: (settings: LinkSettings) => Override;
  /** The boot does not wait for the link. */
  readonly isOptional: boolean;
  /** Ports of a bridge that lead to its network, by index; without them its hardware address tells them. */
  readonly uplinks?: readonly number[];
}

export interface Supervision {
  /** Returns how a link is served; undefined: not at all. An unchanged role is the same object. */
  readonly roleOf: (link: Link) => Role | undefined;
  /** Returns the options of a link. `metric` orders links by discovery. */
  readonly optionsFor: (link: Link, metric: number, role: Role) => ClientOptions;
  /** Another instance's lease is enough: there is no need to wait until that instance ends. */
  readonly oneShot: boolean;
  /** Called when a link has a carrier. */
  readonly onCarrier: () => void;
  /** Called when a link has an address, ours or an earlier one. */
  readonly onBound: (link: string) => void;
}

interface Served extends Watched {
  readonly name: string;
  readonly mac: string;
  readonly metric: number;
  readonly role: Role;
  readonly stop: AbortController;
  /** Resolves when its client has ended and the link's lock is free. */
  done: Promise<void>;
  client: Client | undefined;
  listener6: Listener6 | undefined;
  carrier: boolean;
}

/** Runs a client for each present and each new link: a network driver may load at any time. */
export class Supervisor {
  readonly #supervision: Supervision;
  readonly #ports: ClientPorts;
  readonly #served = new Map<number, Served>();
  /** Bridges and bonds that others made and put a served link into, by index. */
  readonly #followed = new Map<number, Role>();
  readonly #moves: LeaseMoves;
  readonly #ownLinks = new OwnLinks();
  readonly #failed = Promise.withResolvers<never>();

  constructor(supervision: Supervision, ports: ClientPorts) {
    this.#supervision = supervision;
    this.#ports = ports;
    this.#moves = new LeaseMoves(ports);
  }

  /** Runs until the signal is raised. Fails with the first error that does not pass by itself. */
  async run(signal: AbortSignal): Promise<void> {
    const { rtnetlink } = this.#ports;
    await Promise.race([this.#follow(rtnetlink, signal), this.#failed.promise]);
  }

  /** Looks at all links again, because roles have changed. */
  async refresh(signal: AbortSignal): Promise<void> {
    const links = await this.#ports.rtnetlink.links();
    this.#ownLinks.seeAll(links);
    for (const link of links) this.#onLink(link, signal);
  }

  async #follow(rtnetlink: Rtnetlink, signal: AbortSignal): Promise<void> {
    // A one-shot ends before others could remove anything of its lease.
    const kinds = this.#supervision.oneShot ? (['link', 'address'] as const) : ALL;
    const events = rtnetlink.events(signal, kinds);
    await this.refresh(signal);
    if (this.#served.size === 0) this.#ports.log.info({ ev: 'link.wait', console: true });
    for await (const event of events) await this.#onEvent(event, signal);
  }

  async #onEvent(event: NetworkEvent, signal: AbortSignal): Promise<void> {
    switch (event.tag) {
      case 'overrun':
        return this.#lookAround(signal);
      case 'link':
        if (event.gone) this.#onDeleted(event.link);
        else this.#onLink(event.link, signal);
        return;
      case 'address':
      case 'route':
        if (event.gone) this.#onTaken(event);
        else if (event.tag === 'address') this.#onAddress(event.address);
        return;
    }
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    await this.refresh(signal);
    for (const { client, onAddresses } of this.#served.values()) {
      client?.disturbed();
      onAddresses?.();
    }
  }

  /** The kernel flushes routes silently, so ours may be gone with any address. The client checks the kernel. */
  #onTaken(event: Extract<NetworkEvent, { tag: 'address' | 'route' }>): void {
    const { ifindex } = event.tag === 'address' ? event.address : event.route;
    const served = this.#served.get(ifindex);
    served?.client?.disturbed();
    if (event.tag === 'address') served?.onAddresses?.();
  }

  #onLink(link: Link, signal: AbortSignal): void {
    this.#ownLinks.see(link);
    this.#serveLink(link, signal);
    this.#onUplinks();
  }

  /** The carrier of a bridge is that of its uplinks. */
  #onUplinks(): void {
    for (const [index, served] of this.#served) {
      const link = this.#ownLinks.get(index);
      if (link !== undefined) this.#onCarrier(served, link);
    }
  }

  #serveLink(link: Link, signal: AbortSignal): void {
    const served = this.#served.get(link.index);
    const role = this.#roleOf(link);
    if (served !== undefined && isUnchanged(served, link, role)) return;
    if (served !== undefined) this.#end(served, link.index);
    if (served !== undefined && losesLease(served, role)) this.#leave(link, served, signal);
    if (role === undefined) return;
    if (served !== undefined && keepsLease(served, link, role)) {
      this.#moves.rename(served, link.name);
    }
    this.#reclaim(link);
    this.#add(link, role, served, signal);
  }

  /** One that was followed before this instance started has a lease in its files. */
  #roleOf(link: Link): Role | undefined {
    const role = this.#supervision.roleOf(link) ?? this.#followed.get(link.index);
    if (role !== undefined || !isTaker(link) || link.master !== undefined) return role;
    if (!this.#ports.files.hasRunning(link.name)) return undefined;
    const followed: Role = { ipv4: true, ipv6: true, isOptional: false };
    this.#followed.set(link.index, followed);
    return followed;
  }

  #add(link: Link, role: Role, before: Served | undefined, signal: AbortSignal): void {
    const stop = new AbortController();
    const served: Served = {
      name: link.name,
      mac: link.mac,
      metric: this.#freeMetric(),
      role,
      stop,
      done: Promise.resolve(),
      client: undefined,
      listener6: undefined,
      carrier: false,
      onAddresses: undefined,
    };
    this.#served.set(link.index, served);
    this.#onCarrier(served, link);
    const until = AbortSignal.any([signal, stop.signal]);
    const serve = async (): Promise<void> => {
      await before?.done;
      await this.#moves.settled(link.mac);
      if (!until.aborted) await this.#serve(link, served, until);
    };
    served.done = serve().catch((error: unknown) => {
      if (!until.aborted) this.#failed.reject(error);
    });
  }

  /** The lowest free metric: links found first are preferred. */
  #freeMetric(): number {
    const taken = new Set([...this.#served.values()].map(({ metric }) => metric));
    let metric: number = LINK_METRIC.first;
    while (taken.has(metric)) metric += LINK_METRIC.step;
    return metric;
  }

  #onCarrier(served: Served, link: Link): void {
    const carrier = this.#ownLinks.hasCarrier(link, served.role.uplinks);
    if (carrier === served.carrier) return;
    served.carrier = carrier;
    this.#ports.log.info({ ev: 'link.carrier', console: true, link: served.name, carrier });
    if (carrier) this.#supervision.onCarrier();
    served.client?.carrier(carrier, link.up);
    served.listener6?.carrier(carrier);
  }

  /** Ends a one-shot whose link gets an address from another instance. */
  #onAddress(address: Address): void {
    const served = this.#served.get(address.ifindex);
    const elsewhere = served !== undefined && served.client === undefined && isLeased(address);
    if (elsewhere && this.#supervision.oneShot) this.#onBound(served);
    served?.onAddresses?.();
  }

  #onBound({ name, role }: Served): void {
    if (!role.isOptional) this.#supervision.onBound(name);
  }

  #onDeleted(link: Link): void {
    const { index } = link;
    this.#ownLinks.forget(link);
    this.#followed.delete(index);
    const served = this.#served.get(index);
    if (served === undefined) return this.#onUplinks();
    this.#end(served, index);
    this.#moves.withdraw(served);
  }

  /** Takes the lease back from a followed link whose port is free again. */
  #reclaim(link: Link): void {
    for (const index of this.#followed.keys()) {
      const served = this.#served.get(index);
      if (index === link.index || served?.mac !== link.mac) continue;
      this.#followed.delete(index);
      this.#end(served, index);
      this.#moves.move(index, served, link);
    }
  }

  #end(served: Served, index: number): void {
    this.#ports.log.warn({ ev: 'link.gone', link: served.name });
    this.#served.delete(index);
    served.stop.abort();
  }

  /** Takes the lease off a link that is no longer served, and follows it. */
  #leave(link: Link, served: Served, signal: AbortSignal): void {
    this.#followed.delete(link.index);
    this.#moves.leave(link, served, (successor) => {
      if (this.#supervision.roleOf(successor) !== undefined) return;
      this.#followed.set(successor.index, served.role);
      if (!signal.aborted) this.#onLink(successor, signal);
    });
  }

  async #serve(link: Link, served: Served, signal: AbortSignal): Promise<void> {
    const { log } = this.#ports;
    // A one-shot needs no lock if another instance's lease is in use.
    const onHeld = this.#supervision.oneShot ? () => this.#onBound(served) : undefined;
    using taken = await lockLink(link, this.#ports, onHeld, signal);
    log.debug({ ev: 'lock', file: taken?.file });
    const options = this.#supervision.optionsFor(link, served.metric, served.role);
    const serving6 = served.role.ipv6 ? this.#serve6(link, served, options, signal) : undefined;
    if (served.role.ipv4) await this.#serve4(link, served, options, signal);
    else await stopped(signal);
    // The lock is for both.
    await serving6;
  }

  #serve6(link: Link, served: Served, options: ClientOptions, signal: AbortSignal): Promise<void> {
    const onListener = (listener: Listener6): void => {
      served.listener6 = listener;
      listener.carrier(served.carrier);
    };
    const done = this.#supervision.oneShot ? { onDone: () => this.#onBound(served) } : {};
    return serve6(
      link,
      options,
      { hasIpv4: served.role.ipv4, onListener, ...done },
      this.#ports,
      signal,
    );
  }

  async #serve4(
    link: Link,
    served: Served,
    options: ClientOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const { log } = this.#ports;
    const pause = backoff(RESTART);
    while (!signal.aborted) {
      const startedAt = bootTime();
      try {
        await this.#runClient(link, served, options, signal);
      } catch (err) {
        if (signal.aborted) return;
        log.error({ ev: 'client.fail', link: link.name, err });
        if (bootTime() - startedAt > RESTART.maxMs) pause.reset();
        await sleep(pause.next(), signal);
      }
    }
  }

  async #runClient(
    link: Link,
    served: Served,
    options: ClientOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const { rtnetlink, log } = this.#ports;
    const { force } = options.settings;
    const takenOver = force ? undefined : kernelAddress(link, await rtnetlink.addresses());
    if (!force && takenOver === undefined) {
      await whileOthers(link, served, this.#ports, () => this.#onBound(served), signal);
    }
    if (signal.aborted) return;
    if (isPassingMac(link.name)) log.warn({ ev: 'link.mac', link: link.name, mac: link.mac });
    const plan = { ...options.plan, takenOver };
    const client = new Client(link, { ...options, plan }, this.#ports, this.#ownLinks);
    served.client = client;
    void client.bound.then(() => this.#onBound(served));
    client.carrier(served.carrier, true);
    await client.run(signal);
  }
}

/** With another name or hardware address it is another link to servers and to our files. */
const isUnchanged = (served: Served, { name, mac }: Link, role: Role | undefined): boolean =>
  served.name === name && served.mac === mac && served.role === role;

/** Servers know a lease by the hardware address; only our files go by the name. */
const keepsLease = (served: Served, { name, mac }: Link, role: Role): boolean =>
  served.name !== name && served.mac === mac && role.ipv4;

const losesLease = (served: Served, role: Role | undefined): boolean =>
  served.role.ipv4 && role?.ipv4 !== true;
