import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { type Logger, removeStaleTemps, writeAtomic } from '@kios/agent';
import { formatState, readStateIfThere, StateError } from '@kios/node-state';
import * as v from 'valibot';

import { StoredLease } from '../../core/client/record.ts';
import { Note } from '../../core/pods/protocol.ts';

const SUFFIX = '.json';

/** A pod's interface with its lease, for the next instance and the next boot. */
export const StoredPod = v.object({
  v: v.literal(1),
  mac: v.string(),
  attachment: Note,
  port: v.optional(v.string()),
  /** The address that the pod was given. */
  given: v.optional(v.string()),
  /** The pod is gone, and the server has not been told yet. */
  released: v.optional(v.boolean(), false),
  lease: StoredLease,
});
export type StoredPod = v.InferOutput<typeof StoredPod>;

const nameOf = (mac: string): string => `${mac.replaceAll(':', '')}${SUFFIX}`;

/** One file for each pod, by its hardware address. */
export class PodStore {
  readonly #folder: string;
  readonly #log: Logger;

  private constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  static async open(folder: string, log: Logger): Promise<PodStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeStaleTemps(folder);
    return new PodStore(folder, log);
  }

  async readAll(): Promise<StoredPod[]> {
    const names = await readdir(this.#folder);
    const read = names.filter((name) => name.endsWith(SUFFIX)).map((name) => this.#read(name));
    return (await Promise.all(read)).filter((each) => each !== undefined);
  }

  /** Writes a pod's file. A full or read-only disk costs its memory, and not the pod's address. */
  async write(pod: StoredPod): Promise<void> {
    try {
      await writeAtomic(this.#path(pod.mac), formatState(StoredPod, pod), 0o600);
    } catch (err) {
      this.#log.warn({ ev: 'store.fail', err });
    }
  }

  async remove(mac: string): Promise<void> {
    await rm(this.#path(mac), { force: true });
  }

  readonly #path = (mac: string): string => path.join(this.#folder, nameOf(mac));

  /** A damaged file is renamed and counts as missing: the pod keeps its address, which the server knows by its MAC. */
  async #read(name: string): Promise<StoredPod | undefined> {
    const file = path.join(this.#folder, name);
    try {
      const pod = await readStateIfThere(StoredPod, file);
      if (pod === undefined || nameOf(pod.mac) === name) return pod;
      throw new StateError(`read ${file}: it is for ${pod.mac}`);
    } catch (err) {
      if (!(err instanceof StateError)) throw err;
      this.#log.warn({ ev: 'store.bad', err });
      await rename(file, `${file}.bad`);
      return undefined;
    }
  }
}
