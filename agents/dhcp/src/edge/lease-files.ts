import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, writeAtomic } from '@kios/agent';
import { formatState, Lease as LeaseRecord, readStateIfThere, StateError } from '@kios/node-state';

import { type Circumstances, fromRecord, toRecord } from '../core/record.ts';
import { formatResolvConf, type Resolver } from '../core/resolver.ts';
import type { Held } from '../core/states.ts';

export interface Folders {
  /** Read by other programs, gone with the boot. */
  readonly run: string;
  /** Ours, kept over boots. */
  readonly state: string;
}

/** The files of all links: leases for others, leases for ourselves, resolv.conf. The agent is their only writer. */
export class LeaseFiles {
  readonly #folders: Folders;
  readonly #bootId: string;
  readonly #log: Logger;
  readonly #resolvers = new Map<string, Resolver & { metric: number }>();

  private constructor(folders: Folders, bootId: string, log: Logger) {
    this.#folders = folders;
    this.#bootId = bootId;
    this.#log = log;
  }

  static async open(folders: Folders, bootId: string, log: Logger): Promise<LeaseFiles> {
    for (const folder of [folders.run, folders.state]) {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      await removeStaleTemps(folder);
    }
    return new LeaseFiles(folders, bootId, log);
  }

  /** The lease of this boot, if the link has one. */
  async readRunning(link: string, mac: string): Promise<Held | undefined> {
    const record = await this.#read(path.join(this.#folders.run, `${link}.json`), mac);
    return record?.bootId === this.#bootId ? fromRecord(record) : undefined;
  }

  /** The address the link had last, perhaps in another boot. */
  async readLast(link: string, mac: string): Promise<string | undefined> {
    const record = await this.#read(path.join(this.#folders.state, `${link}.json`), mac);
    return record && fromRecord(record).lease.address;
  }

  /** Name resolution of a lease that is taken over as it is. */
  adopt(link: string, metric: number, { lease }: Held): void {
    this.#resolvers.set(link, { link, metric, dns: lease.dns, search: lease.search });
  }

  async publish(held: Held, where: Omit<Circumstances, 'bootId'>, metric: number): Promise<void> {
    const record = toRecord(held, { ...where, bootId: this.#bootId });
    const content = formatState(LeaseRecord, record);
    this.adopt(where.link, metric, held);
    await this.#writeResolvConf();
    await writeAtomic(path.join(this.#folders.run, `${where.link}.json`), content, 0o644);
    await writeAtomic(path.join(this.#folders.state, `${where.link}.json`), content, 0o600);
  }

  /** Others must no longer count on the lease; we keep its address as a wish. */
  async withdraw(link: string): Promise<void> {
    this.#resolvers.delete(link);
    await this.#writeResolvConf();
    await rm(path.join(this.#folders.run, `${link}.json`), { force: true });
  }

  async #writeResolvConf(): Promise<void> {
    const ordered = [...this.#resolvers.values()].toSorted((a, b) => a.metric - b.metric);
    const content = formatResolvConf(ordered);
    if (content === undefined) return;
    const written = await writeAtomic(path.join(this.#folders.run, 'resolv.conf'), content);
    if (written) this.#log.info({ ev: 'dns.set', servers: ordered.flatMap(({ dns }) => dns) });
  }

  /** A record that is torn or of another card is put aside, for who wants to know, and counts as none. */
  async #read(file: string, mac: string): Promise<LeaseRecord | undefined> {
    try {
      const record = await readStateIfThere(LeaseRecord, file);
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
