import type { Logger } from '@kios/agent';
import type { Link, Rtnetlink } from '@kios/netlink';

import type { BoundLease, State } from '../../core/client/model.ts';
import type { Remembered } from '../../core/client/record.ts';
import type { Millis } from '../../core/client/timing.ts';
import { planLinkLocal } from '../../core/kernel/link-local.ts';
import {
  type Change,
  isLeased,
  isMtuForRoutes,
  planLease,
  type PlanPolicy,
  planRemoval,
  type Present,
} from '../../core/kernel/plan.ts';
import type { ClientOptions, ClientPorts } from '../client/client-options.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';
import { Publisher } from '../lease/publisher.ts';
import { applyChanges, readPresent } from './apply.ts';
import { bootTime } from './clock.ts';

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
  /** The operator chose the metric. */
  readonly #isMetricSet: boolean;
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
    const { useDomains, useNtp, settings } = options;
    const { dns, options: types } = settings;
    this.#dns = dns;
    this.#isMetricSet = settings.metric !== undefined;
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

  /** Takes over a lease that is already in the kernel and in the files. Its settings may have changed. */
  async adopt(running: Remembered, present: Present): Promise<void> {
    this.remember(running);
    this.#keepMetric(present);
    const { lease } = running.held;
    if (this.#dns) this.#files.adopt(this.#link.name, this.#plan.metric, lease);
    else await this.#files.dropResolver(this.#link.name);
    await this.#carryOut(planLease(running.held, present, this.#plan, bootTime()));
  }

  remember({ mtuOnRoutes }: Remembered): void {
    if (mtuOnRoutes) this.#plan = { ...this.#plan, mtuOnRoutes };
  }

  async bind(held: BoundLease, previous: BoundLease | undefined): Promise<void> {
    if (!(await this.#apply(held))) return;
    this.#report(held, previous);
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
    await this.#publisher.publish({ held, network, checked, mtuOnRoutes, metric }, signal);
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

  #carryOut(changes: readonly Change[]): Promise<void> {
    return applyChanges(this.#rtnetlink, changes, this.#link, this.#log);
  }

  /** Applies the lease. Returns the tags of the changes made; undefined when the link is gone. */
  async #apply(held: BoundLease): Promise<string[] | undefined> {
    const present = await this.#look();
    if (present === undefined) return undefined;
    this.#keepMetric(present);
    this.#warnOfMtu(held, present);
    const changes = planLease(held, present, this.#plan, bootTime());
    await this.#carryOut(changes);
    const mtu = changes.some((each) => each.tag === 'change-link' && each.change.mtu !== undefined);
    if (mtu) this.#mtuSetAt = bootTime();
    return changes.map(({ tag }) => tag).filter((tag) => tag !== 'skip-route');
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
  #keepMetric({ addresses, link }: Present): void {
    if (this.#isMetricSet) return;
    const mine = addresses.find((each) => each.ifindex === link.index && isLeased(each));
    if (mine?.metric !== undefined) this.#plan = { ...this.#plan, metric: mine.metric };
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
