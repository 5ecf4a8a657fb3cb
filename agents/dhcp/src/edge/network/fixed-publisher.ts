import type { Logger } from '@kios/agent';
import { FOREVER, TABLE } from '@kios/netlink';
import type { Address, Route } from '@kios/network-config';

import type { StoredLease } from '../../core/client/record.ts';
import type { Placed } from '../../core/network/roles.ts';
import { readClocks } from '../kernel/clock.ts';
import type { LeaseFiles } from '../lease/lease-files.ts';

/** Tells other programs of fixed addresses of IPv4, as of leases, and the resolver of fixed name servers. */
export class FixedPublisher {
  readonly #files: LeaseFiles;
  readonly #log: Logger;
  /** What was published last, by link. */
  readonly #known = new Map<string, string>();
  /** Links that have name servers of the file. */
  #resolvers = new Set<string>();

  constructor(files: LeaseFiles, log: Logger) {
    this.#files = files;
    this.#log = log;
    // Those of an earlier instance go when the file no longer has them.
    for (const link of files.fixedLinks()) this.#known.set(link, '');
  }

  /** Publishes the links of the file, and withdraws what it had published of others. */
  async publish(placed: readonly Placed[]): Promise<void> {
    try {
      await this.#publishResolvers(placed);
      await this.#publishRecords(placed);
    } catch (err) {
      // A full disk must not cost the node its address. The next change tries again.
      this.#log.error({ ev: 'publish.fail', err });
    }
  }

  async #publishResolvers(placed: readonly Placed[]): Promise<void> {
    const served = new Set<string>();
    for (const { settings, link, metric } of placed) {
      const { nameservers: dns, search } = settings;
      if (dns.length === 0 && search.length === 0) continue;
      served.add(link.name);
      await this.#files.publishOf('file', { link: link.name, metric, dns, search });
    }
    for (const link of this.#resolvers)
      if (!served.has(link)) await this.#files.leaveOut(link, 'file');
    this.#resolvers = served;
  }

  async #publishRecords(placed: readonly Placed[]): Promise<void> {
    const fixed = placed.filter(({ settings }) => settings.dhcp4 === undefined);
    const published = new Set<string>();
    for (const each of fixed) {
      const { settings, link } = each;
      const address = settings.addresses.find((one) => !one.address.includes(':'));
      // Nobody is reached by a link that never had a carrier.
      if (address === undefined || (!link.carrier && !this.#known.has(link.name))) continue;
      published.add(link.name);
      await this.#publishRecord(each, address);
    }
    for (const link of this.#known.keys())
      if (!published.has(link)) {
        this.#known.delete(link);
        await this.#files.withdrawFixed(link);
      }
  }

  async #publishRecord({ settings, link }: Placed, { address }: Address): Promise<void> {
    const record = fixedRecord(link, address, settings);
    const said = JSON.stringify(record);
    // A client that leaves the link may have written its lease after this, and taken it away.
    if (this.#known.get(link.name) === said && this.#files.isFixed(link.name)) return;
    const { now, wall } = readClocks();
    const acquired = { boot: now / 1000, wall: new Date(wall).toISOString() };
    const { bootId } = this.#files;
    await this.#files.publishFixed({ ...record, bootId, acquired });
    this.#known.set(link.name, said);
  }
}

const isDefault = ({ to, table }: Route): boolean =>
  to === '0.0.0.0/0' && (table ?? TABLE.main) === TABLE.main;

function fixedRecord(
  link: Placed['link'],
  address: string,
  { routes, nameservers, search, mtu }: Placed['settings'],
): Omit<StoredLease, 'state' | 'bootId' | 'acquired'> {
  return {
    v: 1,
    if: link.name,
    mac: link.mac,
    address,
    lease: FOREVER,
    t1: FOREVER,
    t2: FOREVER,
    gateways: routes.filter(isDefault).flatMap(({ via }) => via ?? []),
    routes: routes
      .filter(({ to, table }) => !to.includes(':') && (table ?? TABLE.main) === TABLE.main)
      .map(({ to, via }) => ({ dst: to, via: via ?? null })),
    ...(mtu === undefined ? {} : { mtu }),
    dns: [...nameservers],
    search: [...search],
    ntp: [],
    raw: {},
    options: {},
    ladder: 0,
    checked: true,
    rapidOffUntil: 0,
    declined: [],
    mtuOnRoutes: false,
  };
}
