import { existsSync, mkdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, writeAtomic } from '@kios/agent';
import { formatState, readStateIfThere, StateError } from '@kios/node-state';

import { fromRecord, type Remembered, StoredLease } from '../../core/client/record.ts';
import type { Lease } from '../../core/lease/lease.ts';
import { formatResolvConf, type Resolver } from '../../core/lease/resolver.ts';
import { readClocks } from '../kernel/clock.ts';

export interface Folders {
  /** Read by other programs, gone with the boot. */
  readonly run: string;
  /** Ours, kept over boots. */
  readonly state: string;
}

/** The files of all links: leases for others, leases for ourselves, resolv.conf. The agent is their only writer. */
export class LeaseFiles {
  readonly folders: Folders;
  readonly bootId: string;
  readonly #log: Logger;
  readonly #resolvers = new Map<string, Resolver & { metric: number }>();

  private constructor(folders: Folders, bootId: string, log: Logger) {
    this.folders = folders;
    this.bootId = bootId;
    this.#log = log;
  }

  static async open(folders: Folders, bootId: string, log: Logger): Promise<LeaseFiles> {
    const both = [folders.run, folders.state];
    for (const folder of both) mkdirSync(folder, { recursive: true, mode: 0o755 });
    await Promise.all(both.map(removeStaleTemps));
    return new LeaseFiles(folders, bootId, log);
  }

  /** The lease of this boot, if the link has one. */
  async readRunning(link: string, mac: string): Promise<Remembered | undefined> {
    const record = await this.#read(this.#running(link), mac);
    return record?.bootId === this.bootId ? fromRecord(record, readClocks()) : undefined;
  }

  /** What the link had last, perhaps in another boot: then its times mean nothing. */
  async readLast(link: string, mac: string): Promise<Remembered | undefined> {
    const record = await this.#read(this.#last(link), mac);
    return record && fromRecord(record, readClocks());
  }

  /** Name resolution of a lease that is taken over as it is. */
  adopt(link: string, metric: number, lease: Lease): void {
    this.#resolvers.set(link, { link, metric, dns: lease.dns, search: lease.search });
  }

  async publishResolver(link: string, metric: number, lease: Lease): Promise<void> {
    this.adopt(link, metric, lease);
    await this.#writeResolvConf();
  }

  async publishLease(record: StoredLease): Promise<void> {
    const content = formatState(StoredLease, record);
    await writeAtomic(this.#running(record.if), content, 0o644);
    await writeAtomic(this.#last(record.if), content, 0o600);
  }

  /** Others must no longer count on the lease; we keep its address as a wish. */
  async withdraw(link: string): Promise<void> {
    if (this.#resolvers.delete(link)) await this.#writeResolvConf();
    await rm(this.#running(link), { force: true });
  }

  /** Nothing is wished for any more. */
  async forget(link: string): Promise<void> {
    await this.withdraw(link);
    await rm(this.#last(link), { force: true });
  }

  #running(link: string): string {
    return path.join(this.folders.run, `${link}.json`);
  }

  #last(link: string): string {
    return path.join(this.folders.state, `${link}.json`);
  }

  async #writeResolvConf(): Promise<void> {
    const ordered = [...this.#resolvers.values()].toSorted((a, b) => a.metric - b.metric);
    const content = formatResolvConf(ordered);
    if (content === undefined) return;
    const written = await writeAtomic(path.join(this.folders.run, 'resolv.conf'), content);
    if (written) this.#log.info({ ev: 'dns.set', servers: ordered.flatMap(({ dns }) => dns) });
  }

  /** A record that is torn or of another card is put aside, for who wants to know, and counts as none. */
  async #read(file: string, mac: string): Promise<StoredLease | undefined> {
    // On the way to the first packet each trip to the runtime's threads counts, on a busy machine most of all.
    if (!existsSync(file)) return undefined;
    try {
      const record = await readStateIfThere(StoredLease, file);
      if (record === undefined || record.mac === mac) return record;
      throw new StateError(`read ${file}: it is for ${record.mac}`);
    } catch (err) {
      if (!(err instanceof StateError)) throw err;
      this.#log.warn({ ev: 'store.bad', err });
      await rename(file, `${file}.bad`);
      return undefined;
    }
  }
}
