import type { Logger } from '@kios/agent';

import type { BoundLease, NetworkMemory } from '../../core/client/model.ts';
import { toRecord } from '../../core/client/record.ts';
import type { LinkMtu } from '../../core/kernel/present.ts';
import type { Lease } from '../../core/lease/lease.ts';
import { readExtraOptions } from '../../core/wire/extra-options.ts';
import { readClocks } from '../kernel/clock.ts';
import type { LeaseFiles } from './lease-files.ts';

const RETRY_MS = 5000;

export interface Publication {
  readonly held: BoundLease;
  readonly network: NetworkMemory;
  readonly checked: boolean;
  readonly mtuOnRoutes: boolean;
  readonly linkMtu: LinkMtu | undefined;
  readonly metric: number;
}

export interface PublisherOptions {
  readonly link: string;
  readonly mac: string;
  readonly dns: boolean;
  readonly useDomains: boolean;
  readonly useNtp: boolean;
  /** Types of the options that `--option` asks for, by code. */
  readonly types: Readonly<Record<string, string>>;
}

/**
 * Writes a lease to its files. A full or read-only disk must neither cost the node its address nor block the client, so
 * failed writes are tried again later.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #files: LeaseFiles;
  readonly #log: Logger;
  #current: Publication | undefined;

  constructor(options: PublisherOptions, files: LeaseFiles, log: Logger) {
    this.#options = options;
    this.#files = files;
    this.#log = log;
  }

  async publish(publication: Publication, signal: AbortSignal): Promise<void> {
    this.#current = publication;
    const { link, dns } = this.#options;
    const { metric, held } = publication;
    const resolver = dns
      ? this.#files.publishResolver(link, metric, this.used(held.lease))
      : this.#files.leaveOut(link, 'dhcp', held.lease.dns);
    const done = [
      await this.#tried('dns.fail', resolver),
      await this.#tried('publish.fail', this.#files.publishLease(this.#recordOf(publication))),
    ];
    if (done.every(Boolean)) return;
    const again = setTimeout(() => {
      if (this.#current === publication && !signal.aborted) void this.publish(publication, signal);
    }, RETRY_MS);
    again.unref();
  }

  async withdraw(): Promise<void> {
    this.#current = undefined;
    await this.#tried('publish.fail', this.#files.withdraw(this.#options.link));
  }

  async #tried(ev: string, work: Promise<void>): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (err) {
      this.#log.error({ ev, link: this.#options.link, err });
      return false;
    }
  }

  #recordOf(publication: Publication): ReturnType<typeof toRecord> {
    const { held, network, checked, mtuOnRoutes, linkMtu } = publication;
    const { link, mac, types } = this.#options;
    const { bootId } = this.#files;
    const where = { link, mac, bootId, checked, mtuOnRoutes, linkMtu, clocks: readClocks() };
    const options = readExtraOptions(types, held.lease.raw);
    const used = { ...held, lease: this.used(held.lease) };
    return { ...toRecord(used, network, where), options };
  }

  /** Leaves out what nobody is to use. */
  used(lease: Lease): Lease {
    const { useDomains, useNtp } = this.#options;
    return { ...lease, ...(useDomains ? {} : { search: [] }), ...(useNtp ? {} : { ntp: [] }) };
  }
}
