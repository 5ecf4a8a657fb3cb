import { existsSync, mkdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, writeAtomic } from '@kios/agent';
import {
  formatState,
  Lease6 as Lease6Record,
  readStateIfThere,
  StateError,
} from '@kios/node-state';

import type { Lease6 } from '../../core/v6/lease/lease.ts';
import type { OtherConfig } from '../../core/v6/lease/other-config.ts';
import { fromRecord6, toRecord6 } from '../../core/v6/lease/record.ts';
import { readClocks } from '../kernel/clock.ts';
import { findRecord, FOLDER6, type LeaseFiles } from '../lease/lease-files.ts';

const RETRY_MS = 5000;

const fileIn = (folder: string, link: string): string => path.join(folder, FOLDER6, `${link}.json`);

/** Both are written one after the other, so that the one of this boot is newer where they differ. */
function newerOf(
  running: Lease6Record | undefined,
  last: Lease6Record | undefined,
): Lease6Record | undefined {
  const isSame = running?.bootId === last?.bootId && running?.written.boot === last?.written.boot;
  return running === undefined || isSame ? last : running;
}

/**
 * The DHCPv6 files of one link: for other programs, and for the next boot. A full or read-only disk must neither cost
 * the node its address nor block the client, so failed writes are tried again later.
 */
export class LeaseFiles6 {
  readonly #link: { readonly name: string; readonly mac: string };
  readonly #files: LeaseFiles;
  readonly #log: Logger;
  /** Whether time servers are for anybody. The own file has them all the same. */
  readonly #useNtp: boolean;
  #current: Lease6Record | undefined;

  constructor(
    link: { readonly name: string; readonly mac: string },
    files: LeaseFiles,
    log: Logger,
    useNtp = true,
  ) {
    this.#useNtp = useNtp;
    this.#link = link;
    this.#files = files;
    this.#log = log;
  }

  /**
   * Reads the lease of this boot, or else what is still valid of the last one, also under the card's former name. That
   * is not the name of one of the `others`: links with the same hardware address, as VLANs have it.
   */
  async read(others: readonly string[] = []): Promise<Lease6 | undefined> {
    const running = await this.#readFile(this.#running);
    const last = (await this.#readFile(this.#last)) ?? (await this.#find(others));
    const record = newerOf(running, last);
    this.#current = record;
    return record && fromRecord6(record, this.#files.bootId, readClocks());
  }

  async #find(others: readonly string[]): Promise<Lease6Record | undefined> {
    const found = await findRecord(path.dirname(this.#last), Lease6Record, this.#link.mac);
    return found === undefined || others.includes(found.if) ? undefined : found;
  }

  /** Tells other programs what is used of the lease that was read: that may have changed. */
  async tell(): Promise<void> {
    try {
      if (this.#current !== undefined) await this.#writeRunning(this.#current);
    } catch (err) {
      this.#log.error({ ev: 'publish.fail', link: this.#link.name, err });
    }
  }

  async publish(
    lease: Lease6 | undefined,
    config: OtherConfig,
    signal: AbortSignal,
  ): Promise<void> {
    const { name: link, mac } = this.#link;
    const where = { link, mac, bootId: this.#files.bootId, clocks: readClocks() };
    await this.#write(toRecord6(lease, config, where), signal);
  }

  /** Gives the lease to another link with the same hardware address. */
  async move(to: string): Promise<void> {
    const { folders } = this.#files;
    for (const [folder, mode] of [
      [folders.run, 0o644],
      [folders.state, 0o600],
    ] as const) {
      const record = await this.#readFile(fileIn(folder, this.#link.name));
      if (record === undefined) continue;
      const content = formatState(Lease6Record, { ...record, if: to });
      await writeAtomic(fileIn(folder, to), content, mode);
    }
    await this.withdraw();
  }

  /** Removes what other programs and the next boot would read. */
  async withdraw(): Promise<void> {
    this.#current = undefined;
    try {
      await rm(this.#running, { force: true });
      await rm(this.#last, { force: true });
    } catch (err) {
      this.#log.error({ ev: 'publish.fail', link: this.#link.name, err });
    }
  }

  get #running(): string {
    return fileIn(this.#files.folders.run, this.#link.name);
  }

  get #last(): string {
    return fileIn(this.#files.folders.state, this.#link.name);
  }

  async #write(record: Lease6Record, signal: AbortSignal): Promise<void> {
    this.#current = record;
    const content = formatState(Lease6Record, record);
    try {
      for (const file of [this.#running, this.#last]) {
        mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
      }
      await this.#writeRunning(record);
      await writeAtomic(this.#last, content, 0o600);
    } catch (err) {
      this.#log.error({ ev: 'publish.fail', link: this.#link.name, err });
      const again = setTimeout(() => {
        if (this.#current === record && !signal.aborted) void this.#write(record, signal);
      }, RETRY_MS);
      again.unref();
    }
  }

  async #writeRunning(record: Lease6Record): Promise<void> {
    const used = this.#useNtp ? record : { ...record, ntp: [] };
    await writeAtomic(this.#running, formatState(Lease6Record, used), 0o644);
  }

  /** A damaged record, or one of another network card, is renamed to `.bad` and counts as missing. */
  async #readFile(file: string): Promise<Lease6Record | undefined> {
    if (!existsSync(file)) return undefined;
    try {
      const record = await readStateIfThere(Lease6Record, file);
      if (record === undefined || record.mac === this.#link.mac) return record;
      throw new StateError(`read ${file}: it is for ${record.mac}`);
    } catch (err) {
      if (!(err instanceof StateError)) throw err;
      this.#log.warn({ ev: 'store.bad', err });
      await rename(file, `${file}.bad`);
      return undefined;
    }
  }
}
