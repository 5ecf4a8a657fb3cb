import type { Logger } from '@kios/agent';
import type { Link, Rtnetlink } from '@kios/netlink';

import type { BoundLease, State } from '../../core/client/model.ts';
import type { Remembered } from '../../core/client/record.ts';
import type { Millis } from '../../core/client/timing.ts';
import { planLinkLocal } from '../../core/kernel/link-local.ts';
import { planLease, planRemoval } from '../../core/kernel/plan.ts';
import {
  type Change,
  isLeased,
  isMtuForRoutes,
  type PlanPolicy,
  type Present,
} from '../../core/kernel/present.ts';
import type { Lease } from '../../core/lease/lease.ts';
import type { ClientOptions, ClientPorts } from '../client/client-options.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';
import { Publisher } from '../lease/publisher.ts';
import { applyChanges, readPresent, type Refused } from './apply.ts';
import { bootTime } from './clock.ts';

const DEFAULT_ROUTE = '0.0.0.0/0';
/** Milliseconds within which some drivers reset a link after its MTU is set. */
const RESET_WITHIN = 5000;

/** Brings the kernel and the files of one link in line with its lease. */
export class Configurator {
  readonly #link: Link;
  readonly #rtnetlink: Rtnetlink;
  readonly #files: LeaseFiles;
  readonly #log: Logger;
  readonly #publisher: Publisher;
  #plan: PlanPolicy;
  readonly #dns: boolean;
  /** The operator chose the metric, or the network file's order did. */
  readonly #isMetricSet: boolean;
  /** Gateways without their default route, which the kernel or another owner of it refused. */
  #unused: readonly string[] = [];
  #carrierAt: Millis | undefined;
  #mtuSetAt: Millis | undefined;
  /** The MTU that went to the routes last, for IPv6's sake. */
  #smallMtu: number | undefined;

  constructor(link: Link, options: ClientOptions, ports: ClientPorts) {
    this.#link = link;
    this.#rtnetlink = ports.rtnetlink;
    this.#files = ports.files;
    this.#log = ports.log;
    this.#plan = options.plan;
    const { useDomains, useNtp, settings, isMetricSet } = options;
    const { dns, options: types } = settings;
    this.#dns = dns;
    this.#isMetricSet = isMetricSet;
    const how = { link: link.name, mac: link.mac, dns, useDomains, useNtp, types };
    this.#publisher = new Publisher(how, ports.files, ports.log);
  }

  carrier(up: boolean, enabled: boolean): void {
    const now = bootTime();
    if (up) this.#carrierAt = now;
    else if (enabled && this.#mtuSetAt !== undefined && now - this.#mtuSetAt < RESET_WITHIN) {
      this.#plan = { ...this.#plan, mtuOnRoutes: true };
      this.#log.warn({ ev: 'degrade', link: this.#link.name, step: 'mtu' });
    }
  }

  /** Takes over a lease that is already in the kernel and in the files. What has changed of its settings counts. */
  async adopt(running: Remembered, present: Present, signal: AbortSignal): Promise<void> {
    this.remember(running);
    this.#keepMetric(present);
    const { metric } = this.#plan;
    const { lease } = running.held;
    const used = this.#publisher.used(lease);
    const isNew = metricOf(present) !== metric || !isTold(used, running);
    if (this.#dns) await this.#files.adopt(this.#link.name, metric, used);
    else await this.#files.leaveOut(this.#link.name, 'dhcp', lease.dns);
    await this.#carryOutLease(planLease(running.held, present, this.#plan, bootTime()));
    if (!isNew) return;
    const { linkMtu, mtuOnRoutes } = this.#plan;
    const facts = { ...running, held: this.#used(running.held), linkMtu, mtuOnRoutes, metric };
    await this.#publisher.publish(facts, signal);
  }

  remember({ mtuOnRoutes, linkMtu }: Remembered): void {
    if (mtuOnRoutes) this.#plan = { ...this.#plan, mtuOnRoutes };
    this.#plan = { ...this.#plan, linkMtu };
  }

  async bind(held: BoundLease, previous: BoundLease | undefined): Promise<void> {
    if (!(await this.#apply(held))) return;
    this.#report(this.#used(held), previous);
  }

  /** Restores what others removed from the kernel. */
  async repair(held: BoundLease): Promise<void> {
    const done = await this.#apply(held);
    if (done !== undefined && done.length > 0) {
      this.#log.warn({ ev: 'lease.repaired', link: this.#link.name, changes: done });
    }
  }

  async publish(held: BoundLease, { memory }: State, signal: AbortSignal): Promise<void> {
    const { metric, mtu } = this.#plan;
    const { network, watch } = memory;
    const checked = watch === undefined || watch.settled;
    const mtuOnRoutes = mtu && this.#plan.mtuOnRoutes;
    const { linkMtu } = this.#plan;
    const facts = { held: this.#used(held), network, checked, mtuOnRoutes, linkMtu, metric };
    await this.#publisher.publish(facts, signal);
  }

  async unbind(): Promise<void> {
    const present = await this.#look();
    if (present !== undefined) await this.#carryOut(planRemoval(present));
    const bare = this.#plan.ipv4llMetadata ? await this.#look() : undefined;
    if (bare !== undefined) await this.linkLocal(bare);
    await this.#publisher.withdraw();
  }

  /** Adds or removes the address for a metadata service, on a link without a lease. */
  async linkLocal(present: Present): Promise<void> {
    const changes = planLinkLocal(present, this.#plan);
    await this.#carryOut(changes);
    for (const change of changes) {
      if (change.tag !== 'set-address') continue;
      const { address } = change.address;
      this.#log.info({ ev: 'link.local', console: true, link: this.#link.name, address });
    }
  }

  #look(): Promise<Present | undefined> {
    return readPresent(this.#rtnetlink, this.#link.index);
  }

  #carryOut(changes: readonly Change[]): Promise<Refused> {
    return applyChanges(this.#rtnetlink, changes, this.#link, this.#log);
  }

  async #carryOutLease(changes: readonly Change[]): Promise<Refused> {
    const refused = await this.#carryOut(changes);
    if (refused.mtu) this.#plan = { ...this.#plan, mtuOnRoutes: true };
    this.#unused = refused.routes
      .filter(({ dst }) => dst === DEFAULT_ROUTE)
      .flatMap(({ via }) => via ?? []);
    return refused;
  }

  /** The lease as it is used: who reads of a gateway may rely on it. */
  #used(held: BoundLease): BoundLease {
    const gateways = held.lease.gateways.filter((each) => !this.#unused.includes(each));
    return { ...held, lease: { ...held.lease, gateways } };
  }

  /** Applies the lease. Returns the tags of the changes made; undefined when the link is gone. */
  async #apply(held: BoundLease): Promise<string[] | undefined> {
    const present = await this.#look();
    if (present === undefined) return undefined;
    this.#keepMetric(present);
    this.#warnOfMtu(held, present);
    const changes = planLease(held, present, this.#plan, bootTime());
    const { mtu: isRefused } = await this.#carryOutLease(changes);
    // From now on it goes to the routes.
    if (isRefused) return this.#apply(held);
    for (const each of changes) {
      if (each.tag === 'change-link') this.#onMtu(each.change.mtu, present);
    }
    return changes.map(({ tag }) => tag).filter((tag) => tag !== 'skip-route');
  }

  /** Keeps the MTU that the link had, for a lease without one. */
  #onMtu(set: number | undefined, { link }: Present): void {
    if (set === undefined) return;
    this.#mtuSetAt = bootTime();
    const before = this.#plan.linkMtu?.before ?? link.mtu;
    this.#plan = { ...this.#plan, linkMtu: set === before ? undefined : { before, set } };
  }

  /** Warns once of each MTU that the link does not get because it would lose IPv6. */
  #warnOfMtu({ lease }: BoundLease, present: Present): void {
    const { mtu, mtuOnRoutes } = this.#plan;
    const isSmall = mtu && !mtuOnRoutes && isMtuForRoutes(lease, present, this.#plan);
    const small = isSmall ? lease.mtu : undefined;
    if (small !== undefined && small !== this.#smallMtu) {
      this.#log.warn({ ev: 'degrade', link: this.#link.name, step: 'mtu', mtu: small });
    }
    this.#smallMtu = small;
  }

  /** Keeps the metric that another instance chose: another one would double the routes. */
  #keepMetric(present: Present): void {
    const metric = this.#isMetricSet ? undefined : metricOf(present);
    if (metric !== undefined) this.#plan = { ...this.#plan, metric };
  }

  #report({ lease, since }: BoundLease, previous: BoundLease | undefined): void {
    const link = this.#link.name;
    const address = `${lease.address}/${lease.prefix}`;
    const fields = { link, address, server: lease.server, lease: lease.leaseSeconds };
    if (previous === undefined) {
      const times = {
        ms_since_start: Math.round(performance.now()),
        ms_since_carrier: this.#carrierAt && bootTime() - this.#carrierAt,
      };
      const { gateways } = lease;
      this.#log.info({ ev: 'lease.bound', console: true, ...fields, gateways, ...times });
    } else if (previous.lease.address === lease.address) {
      this.#log.info({ ev: 'lease.renewed', ...fields, since });
    } else {
      this.#log.warn({
        ev: 'lease.changed',
        link,
        old: previous.lease.address,
        new: lease.address,
      });
    }
  }
}

/** The metric of the lease that the link has. */
const metricOf = ({ addresses, link }: Present): number | undefined =>
  addresses.find((each) => each.ifindex === link.index && isLeased(each))?.metric;

/** Returns whether the files have of the lease what is used of it. */
const isTold = ({ search, ntp }: Pick<Lease, 'search' | 'ntp'>, { told }: Remembered): boolean =>
  JSON.stringify([search, ntp]) === JSON.stringify([told?.search, told?.ntp]);
