import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, readIfThere, removeStaleTemps, writeAtomic } from '@kios/agent';
import { formatState, readStateIfThere, StateError } from '@kios/node-state';
import * as v from 'valibot';

import { fromRecord, type Remembered, StoredLease } from '../../core/client/record.ts';
import type { Lease } from '../../core/lease/lease.ts';
import {
  formatResolvConf,
  NO_SERVERS,
  type Resolver,
  withoutServers,
} from '../../core/lease/resolver.ts';
import { readClocks } from '../kernel/clock.ts';

export interface Folders {
  /** Read by other programs, cleared at boot. */
  readonly run: string;
  /** Our own, kept across boots. */
  readonly state: string;
}

/** Folder of the files of DHCPv6. Without a server of DHCPv6 there is none. */
export const FOLDER6 = 'v6';

/** Where a link's name servers come from, in the order in which they are preferred. RFC 8106 §5.3.1. */
const SOURCES = ['file', 'dhcp', 'dhcp6', 'routers'] as const;
type Source = (typeof SOURCES)[number];
/** The files of last leases, also those that were renamed. */
const RECORD = /^(.+\.json)(?:\.bad)?$/;
const StateOnly = v.object({ state: v.string() });
/** State of an address that no server gave. */
const FIXED = 'static';
type Preferred = Resolver & { readonly metric: number };

/** The files of all links: leases for other programs and the next boot, and resolv.conf. Only the agent writes them. */
export class LeaseFiles {
  readonly folders: Folders;
  readonly bootId: string;
  readonly #log: Logger;
  readonly #resolvers = new Map<string, Preferred & { readonly rank: number }>();

  /** Links and sources that were asked to be left out of resolv.conf. */
  readonly #leftOut = new Set<string>();
  /** Those among them that settings leave out. */
  readonly #unwanted = new Set<string>();
  /** Whether this process has written resolv.conf, with the name servers that it knew of. */
  #hasWritten = false;

  private constructor(folders: Folders, bootId: string, log: Logger) {
    this.folders = folders;
    this.bootId = bootId;
    this.#log = log;
  }

  static async open(folders: Folders, bootId: string, log: Logger): Promise<LeaseFiles> {
    const both = [folders.run, folders.state];
    for (const folder of both) mkdirSync(folder, { recursive: true, mode: 0o755 });
    const all = [...both, ...both.map((folder) => path.join(folder, FOLDER6))];
    await Promise.all(all.map(removeStaleTemps));
    return new LeaseFiles(folders, bootId, log);
  }

  /** Reads the link's lease of this boot. */
  async readRunning(link: string, mac: string): Promise<Remembered | undefined> {
    const record = await this.#read(this.#running(link), mac);
    const isLease = record?.bootId === this.bootId && record.state !== FIXED;
    return isLease ? fromRecord(record, readClocks()) : undefined;
  }

  /**
   * Reads the link's last lease. It may be of another boot, whose times mean nothing, and under another name: which
   * card is eth0 depends on which driver is ready first.
   */
  async readLast(link: string, mac: string): Promise<Remembered | undefined> {
    const record =
      (await this.#read(this.#last(link), mac)) ??
      (await findRecord(this.folders.state, StoredLease, mac));
    return record && fromRecord(record, readClocks());
  }

  /**
   * Notes the name servers of a lease that is taken over. They are written only where this process left the link's out
   * or wrote the file before: when it starts, other links have not noted theirs yet.
   */
  async adopt(link: string, metric: number, lease: Lease): Promise<void> {
    const isLeftOut = this.#leftOut.has(keyOf('dhcp', link));
    this.#note('dhcp', { link, metric, dns: lease.dns, search: lease.search });
    if (isLeftOut || this.#hasWritten) await this.#writeResolvConf();
  }

  async publishResolver(link: string, metric: number, lease: Lease): Promise<void> {
    this.#note('dhcp', { link, metric, dns: lease.dns, search: lease.search });
    await this.#writeResolvConf();
  }

  /** Takes the place of what the same source had for the link; empty lists take it away. */
  async publishOf(source: Source, resolver: Preferred): Promise<void> {
    this.#note(source, resolver);
    await this.#writeResolvConf();
  }

  /** Removes what the source had for the link from resolv.conf. */
  async dropResolver(link: string, source: Source = 'dhcp'): Promise<void> {
    const key = keyOf(source, link);
    this.#leftOut.add(key);
    if (this.#resolvers.delete(key)) await this.#writeResolvConf();
  }

  /**
   * Removes what the source had for the link because it is not to be used any more. `servers` are those that an earlier
   * instance may have written. Unlike after the end of a lease, servers do not stay where there are no others.
   */
  async leaveOut(link: string, source: Source, servers: readonly string[] = []): Promise<void> {
    const key = keyOf(source, link);
    if (this.#unwanted.has(key)) return;
    this.#unwanted.add(key);
    const isKnown = this.#resolvers.delete(key) || this.#leftOut.has(key);
    this.#leftOut.add(key);
    const noted = this.#ordered().flatMap(({ dns }) => dns);
    const content = isKnown
      ? (formatResolvConf(this.#ordered()) ?? NO_SERVERS)
      : withoutServers(
          (await readIfThere(path.join(this.folders.run, 'resolv.conf'))) ?? '',
          servers.filter((server) => !noted.includes(server)),
        );
    if (content !== undefined) await this.#writeContent(content);
  }

  async publishLease(record: StoredLease): Promise<void> {
    const content = formatState(StoredLease, record);
    await writeAtomic(this.#running(record.if), content, 0o644);
    await writeAtomic(this.#last(record.if), content, 0o600);
  }

  /** Tells other programs of a fixed address, which no later client asks for. */
  async publishFixed(record: Omit<StoredLease, 'state'>): Promise<void> {
    const content = formatState(StoredLease, { ...record, state: FIXED });
    await writeAtomic(this.#running(record.if), content, 0o644);
  }

  /** Gives a link's lease, of this boot and for the next, to another link with the same hardware address. */
  async move(from: string, to: string, mac: string): Promise<void> {
    const running = await this.#read(this.#running(from), mac);
    const last = running ?? (await this.#read(this.#last(from), mac));
    if (running !== undefined) await this.publishLease({ ...running, if: to });
    else if (last !== undefined)
      await writeAtomic(this.#last(to), formatState(StoredLease, { ...last, if: to }), 0o600);
    await this.forget(from);
  }

  /** Returns whether the link has a lease for others to read, of either family. */
  hasRunning(link: string): boolean {
    const state = this.#stateOf(link);
    return (state !== undefined && state !== FIXED) || this.hasRunning6(link);
  }

  hasRunning6(link: string): boolean {
    return existsSync(path.join(this.folders.run, FOLDER6, `${link}.json`));
  }

  /** Returns whether there are files of DHCPv6 for the link, of this boot or of an earlier one. */
  hasLease6(link: string): boolean {
    return (
      this.hasRunning6(link) || existsSync(path.join(this.folders.state, FOLDER6, `${link}.json`))
    );
  }

  /** Returns the links of whose fixed address other programs were told. */
  fixedLinks(): readonly string[] {
    const names = readdirSync(this.folders.run).filter((name) => name.endsWith('.json'));
    return names.map((name) => name.slice(0, -'.json'.length)).filter((link) => this.isFixed(link));
  }

  /** Returns whether other programs are told of a fixed address of the link. */
  isFixed(link: string): boolean {
    return this.#stateOf(link) === FIXED;
  }

  /** Removes what other programs read of a fixed address. */
  async withdrawFixed(link: string): Promise<void> {
    if (this.isFixed(link)) await rm(this.#running(link), { force: true });
  }

  /** Removes the lease for other programs. Its address stays known, to ask for it again. */
  async withdraw(link: string): Promise<void> {
    await this.dropResolver(link);
    if (!this.isFixed(link)) await rm(this.#running(link), { force: true });
  }

  /** Removes the lease and forgets its address. */
  async forget(link: string): Promise<void> {
    await this.withdraw(link);
    await rm(this.#last(link), { force: true });
  }

  /** The state in the link's file; undefined when there is none that can be read. */
  #stateOf(link: string): string | undefined {
    try {
      const record: unknown = JSON.parse(readFileSync(this.#running(link), 'utf8'));
      return v.parse(StateOnly, record).state;
    } catch {
      return undefined;
    }
  }

  #running(link: string): string {
    return path.join(this.folders.run, `${link}.json`);
  }

  #last(link: string): string {
    return path.join(this.folders.state, `${link}.json`);
  }

  #note(source: Source, resolver: Preferred): void {
    const rank = SOURCES.indexOf(source);
    const key = keyOf(source, resolver.link);
    this.#leftOut.delete(key);
    this.#unwanted.delete(key);
    this.#resolvers.set(key, { ...resolver, rank });
  }

  #ordered(): readonly Preferred[] {
    return [...this.#resolvers.values()].toSorted((a, b) => a.metric - b.metric || a.rank - b.rank);
  }

  async #writeResolvConf(): Promise<void> {
    const content = formatResolvConf(this.#ordered());
    if (content === undefined) return;
    this.#hasWritten = true;
    await this.#writeContent(content);
  }

  async #writeContent(content: string): Promise<void> {
    const written = await writeAtomic(path.join(this.folders.run, 'resolv.conf'), content);
    if (written)
      this.#log.info({ ev: 'dns.set', servers: this.#ordered().flatMap(({ dns }) => dns) });
  }

  /** Reads a record. A damaged one, or one of another network card, is renamed to `.bad` and counts as missing. */
  async #read(file: string, mac: string): Promise<StoredLease | undefined> {
    // Before the first packet each trip to the runtime's threads counts, above all on a busy machine.
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

/** Finds the last lease of a hardware address under other names, also where another card has the name now. */
export async function findRecord<
  const S extends v.GenericSchema<unknown, { readonly mac: string }>,
>(folder: string, schema: S, mac: string): Promise<v.InferOutput<S> | undefined> {
  if (!existsSync(folder)) return undefined;
  const found = readdirSync(folder).flatMap((name) => RECORD.exec(name)?.[1] ?? []);
  // The client of the other card may be renaming the file just now.
  const names = [...new Set(found)].flatMap((name) => [name, `${name}.bad`]);
  for (const name of names) {
    const file = path.join(folder, name);
    const record = await readStateIfThere(schema, file).catch(() => undefined);
    if (record?.mac === mac) return record;
  }
  return undefined;
}

const keyOf = (source: Source, link: string): string => `${source} ${link}`;
