import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { logWait, sleep } from '@kios/agent';
import type { Address, Link, NetworkEvent, Rtnetlink } from '@kios/netlink';
import { isErrno, lock, type Lock, SyscallError, tryLock } from '@kios/syscall';

import {
  type Choice,
  foreignAddresses,
  isCandidate,
  isKernelConfigured,
} from '../../core/kernel/links.ts';
import { isInUse, isLeased } from '../../core/kernel/plan.ts';
import { readPresent } from '../kernel/apply.ts';
import { bootTime } from '../kernel/clock.ts';
import type { Folders } from '../lease/lease-files.ts';
import { isPassingMac } from '../settings/identity.ts';
import type { Client6 } from '../v6/client6.ts';
import type { ClientOptions, ClientPorts } from './client-options.ts';
import { Client } from './client.ts';

const METRIC = { first: 100, step: 10 } as const;
const RESTART_MS = 1000;
/** Without IPv6 a node can be used: what fails there is not tried again all the time. */
const RESTART6_MS = 10_000;
/** Code of IPv6 waits so long for the first address of IPv4: a boot must not be slower for it. */
const IPV6_AFTER_MS = 500;
/** A one-shot waits so long for IPv4 where a router has announced IPv6. */
const IPV4_GRACE_MS = 10_000;
const ALL = ['link', 'address', 'route'] as const;

export interface Supervision {
  readonly choice: Choice;
  /** Returns the options of a link. `metric` orders links by discovery. */
  readonly optionsFor: (link: Link, metric: number) => ClientOptions;
  /** Another instance's lease is enough: there is no need to wait until that instance ends. */
  readonly oneShot: boolean;
  /** Called when a link has a carrier. */
  readonly onCarrier: () => void;
  /** Called when a link has an address, ours or an earlier one. */
  readonly onBound: (link: string) => void;
}

interface Served {
  readonly name: string;
  readonly mac: string;
  readonly metric: number;
  readonly stop: AbortController;
  client: Client | undefined;
  client6: Client6 | undefined;
  carrier: boolean;
}

/** Runs a client for each present and each new link: a network driver may load at any time. */
export class Supervisor {
  readonly #supervision: Supervision;
  readonly #ports: ClientPorts;
  readonly #served = new Map<number, Served>();
  readonly #failed = Promise.withResolvers<never>();

  constructor(supervision: Supervision, ports: ClientPorts) {
    this.#supervision = supervision;
    this.#ports = ports;
  }

  /** Runs until the signal is raised. Fails with the first error that does not pass by itself. */
  async run(signal: AbortSignal): Promise<void> {
    const { rtnetlink } = this.#ports;
    await Promise.race([this.#follow(rtnetlink, signal), this.#failed.promise]);
  }

  async #follow(rtnetlink: Rtnetlink, signal: AbortSignal): Promise<void> {
    // A one-shot ends before others could remove anything of its lease.
    const kinds = this.#supervision.oneShot ? (['link', 'address'] as const) : ALL;
    const events = rtnetlink.events(signal, kinds);
    for (const link of await rtnetlink.links()) this.#onLink(link, signal);
    if (this.#served.size === 0) this.#ports.log.info({ ev: 'link.wait', console: true });
    for await (const event of events) await this.#onEvent(event, signal);
  }

  async #onEvent(event: NetworkEvent, signal: AbortSignal): Promise<void> {
    switch (event.tag) {
      case 'overrun':
        return this.#lookAround(signal);
      case 'link':
        if (event.gone) this.#onGone(event.link);
        else this.#onLink(event.link, signal);
        return;
      case 'address':
      case 'route':
        if (event.gone) this.#onTaken(event);
        else if (event.tag === 'address') this.#onAddress(event.address);
    }
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    for (const link of await this.#ports.rtnetlink.links()) this.#onLink(link, signal);
    for (const { client } of this.#served.values()) client?.disturbed();
  }

  /** The kernel flushes routes silently, so ours may be gone with any address. The client checks the kernel. */
  #onTaken(event: Extract<NetworkEvent, { tag: 'address' | 'route' }>): void {
    const { ifindex } = event.tag === 'address' ? event.address : event.route;
    this.#served.get(ifindex)?.client?.disturbed();
  }

  #onLink(link: Link, signal: AbortSignal): void {
    const served = this.#served.get(link.index);
    const wanted = isCandidate(link, this.#supervision.choice, isHardware);
    // With another name or hardware address it is another link to servers and to our files.
    const same = served?.name === link.name && served.mac === link.mac;
    if (served !== undefined && wanted && same) {
      this.#onCarrier(served, link);
      return;
    }
    this.#onGone(link);
    if (wanted) this.#add(link, signal);
  }

  #add(link: Link, signal: AbortSignal): void {
    const stop = new AbortController();
    const served: Served = {
      name: link.name,
      mac: link.mac,
      metric: this.#freeMetric(),
      stop,
      client: undefined,
      client6: undefined,
      carrier: false,
    };
    this.#served.set(link.index, served);
    this.#onCarrier(served, link);
    const until = AbortSignal.any([signal, stop.signal]);
    this.#serve(link, served, until).catch((error: unknown) => {
      if (!until.aborted) this.#failed.reject(error);
    });
  }

  /** The lowest free metric: links found first are preferred. */
  #freeMetric(): number {
    const taken = new Set([...this.#served.values()].map(({ metric }) => metric));
    let metric: number = METRIC.first;
    while (taken.has(metric)) metric += METRIC.step;
    return metric;
  }

  #onCarrier(served: Served, link: Link): void {
    const carrier = link.up && link.carrier;
    if (carrier === served.carrier) return;
    served.carrier = carrier;
    this.#ports.log.info({ ev: 'link.carrier', console: true, link: served.name, carrier });
    if (carrier) this.#supervision.onCarrier();
    served.client?.carrier(carrier, link.up);
    served.client6?.carrier(carrier);
  }

  /** Ends a one-shot whose link gets an address from another instance. */
  #onAddress(address: Address): void {
    const served = this.#served.get(address.ifindex);
    const elsewhere = served !== undefined && served.client === undefined && isLeased(address);
    if (elsewhere && this.#supervision.oneShot) this.#supervision.onBound(served.name);
  }

  #onGone(link: Link): void {
    const served = this.#served.get(link.index);
    if (served === undefined) return;
    this.#ports.log.warn({ ev: 'link.gone', link: served.name });
    this.#served.delete(link.index);
    served.stop.abort();
  }

  async #serve(link: Link, served: Served, signal: AbortSignal): Promise<void> {
    const { log } = this.#ports;
    using taken = await this.#lock(link, signal);
    log.debug({ ev: 'lock', file: taken?.file });
    const options = this.#supervision.optionsFor(link, served.metric);
    void this.#serve6(link, served, options, signal);
    while (!signal.aborted) {
      try {
        await this.#runClient(link, served, options, signal);
      } catch (err) {
        if (signal.aborted) return;
        if (isErrno(err, 'EPERM', 'EACCES')) throw err;
        log.error({ ev: 'client.fail', link: link.name, err });
        await sleep(RESTART_MS, signal);
      }
    }
  }

  /**
   * Serves IPv6 beside IPv4, whose failures are none of the other's. In a one-shot there is no DHCPv6, whose port is
   * the daemon's: where a router has announced itself and IPv4 stays away, the daemon is what is missing.
   */
  async #serve6(
    link: Link,
    served: Served,
    { settings, plan, hostFile }: ClientOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const { oneShot, onBound } = this.#supervision;
    const { dns, rapidCommit } = settings;
    const dhcp6 = oneShot ? 'off' : settings.dhcp6;
    const options = { dhcp6, dns, rapidCommit, metric: plan.metric, hostFile };
    while (!signal.aborted) {
      try {
        await sleep(IPV6_AFTER_MS, signal);
        const { Client6 } = await import('../v6/client6.ts');
        const client = new Client6(link, options, this.#ports);
        served.client6 = client;
        client.carrier(served.carrier);
        if (oneShot) void this.#onAnnounced(client, () => onBound(link.name), signal);
        await client.run(signal);
      } catch (err) {
        if (signal.aborted) return;
        this.#ports.log.error({ ev: 'client6.fail', link: link.name, err });
        await sleep(RESTART6_MS, signal).catch(() => undefined);
      }
    }
  }

  async #onAnnounced(client: Client6, done: () => void, signal: AbortSignal): Promise<void> {
    await client.announced;
    await sleep(IPV4_GRACE_MS, signal).catch(() => undefined);
    if (!signal.aborted) done();
  }

  async #runClient(
    link: Link,
    served: Served,
    options: ClientOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const { rtnetlink, log } = this.#ports;
    const foreign = foreignAddresses(link, await rtnetlink.addresses());
    const takenOver = options.settings.force ? undefined : kernelAddress(link, foreign);
    if (foreign.length > 0 && !options.settings.force && takenOver === undefined) {
      log.warn({ ev: 'link.foreign', link: link.name, why: 'it has an address that is not ours' });
      this.#supervision.onBound(link.name);
      await stopped(signal);
      return;
    }
    if (isPassingMac(link.name)) log.warn({ ev: 'link.mac', link: link.name, mac: link.mac });
    const plan = { ...options.plan, takenOver };
    const client = new Client(link, { ...options, plan }, this.#ports);
    served.client = client;
    void client.bound.then(() => this.#supervision.onBound(link.name));
    client.carrier(served.carrier, true);
    await client.run(signal);
  }

  /**
   * Takes the link's lock. Two instances overlap when a pod is replaced: the second one waits until the first one's
   * client ends. A disk that is read-only or full must not cost the node its address: then it goes on without a lock.
   */
  async #lock(link: Link, signal: AbortSignal): Promise<Lock | undefined> {
    const { log, files } = this.#ports;
    const file = lockFile(files.folders, link);
    try {
      return tryLock(file) ?? (await this.#waitForLock(file, link, signal));
    } catch (err) {
      if (!(err instanceof SyscallError)) throw err;
      log.warn({ ev: 'lock.fail', link: link.name, err });
      return undefined;
    }
  }

  async #waitForLock(file: string, link: Link, signal: AbortSignal): Promise<Lock> {
    const { log, files, rtnetlink } = this.#ports;
    if (this.#supervision.oneShot) {
      const held = await files.readRunning(link.name, link.mac);
      const present = await readPresent(rtnetlink, link.index);
      const done =
        held !== undefined && present !== undefined && isInUse(held.held, present, bootTime());
      if (done) this.#supervision.onBound(link.name);
    }
    return lock(file, { signal, waiting: logWait(log, { link: link.name }) });
  }
}

/** Returns whether the link has a device behind it. */
export const isHardware = (name: string): boolean => existsSync(`/sys/class/net/${name}/device`);

/** Returns the file that one client per link locks. No other pod mounts its folder. */
export const lockFile = ({ state }: Folders, { name }: Pick<Link, 'name'>): string =>
  path.join(state, `${name}.lock`);

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Returns the address that the kernel itself got by DHCP at boot, for example for a root file system over NFS. */
function kernelAddress(link: Link, foreign: readonly Address[]): string | undefined {
  const [only] = foreign;
  if (only === undefined || foreign.length > 1 || only.protocol !== 0) return undefined;
  const configured = isKernelConfigured(readFileSync('/proc/cmdline', 'latin1'), link.name);
  return configured ? only.address : undefined;
}
