import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere } from '@kios/agent';

import { Risen } from '../../core/diagnosis/risen.ts';
import type { Exhausted } from '../../core/diagnosis/signs.ts';
import { rowOf } from '../../core/diagnosis/tables.ts';

/** kubelet's groups of pods, by their quality of service: guaranteed ones lie at the top. */
const CLASSES = ['', 'burstable', 'besteffort'] as const;
const POD = /^pod([0-9a-f-]{8,64})$/;
/** How long a pod that was refused something is named. */
const RECENT_SECONDS = 60;

const textOf = async (file: string): Promise<string> => {
  try {
    return (await readIfThere(file)) ?? '';
  } catch {
    // The group went away between opening and reading (ENODEV).
    return '';
  }
};

const mebibytes = (bytes: string): string =>
  bytes.trim() === 'max' || bytes.trim() === ''
    ? 'the memory of the machine is used up'
    : `its limit is ${Math.round(Number(bytes) / 1024 / 1024)} MiB`;

/** The key of all processes of the machine beside those of pods. */
const MACHINE = '';

/** Where the kernel's counters are. */
export interface CounterPlaces {
  /** kubelet's group of all pods. */
  readonly kubepods: string;
  /** The machine's own counters, `/proc/vmstat`. */
  readonly vmstat: string;
}

/** Follows what the kernel counts for each pod. */
export class PodGroups {
  readonly #places: CounterPlaces;
  readonly #memory = new Risen(RECENT_SECONDS);
  readonly #processes = new Risen(RECENT_SECONDS);
  #isFirst = true;

  constructor(places: CounterPlaces) {
    this.#places = places;
  }

  /** Looks at all pods. `nameOf` returns the name of one by its UID. */
  async look(
    up: number,
    nameOf: (uid: string) => string,
  ): Promise<{
    readonly outOfMemory: readonly Exhausted[];
    readonly outOfProcesses: readonly Exhausted[];
  }> {
    const [outOfMemory, outOfProcesses]: [Exhausted[], Exhausted[]] = [[], []];
    const seen = new Set<string>();
    const before = await this.#machineKills();
    for (const { uid, dir } of await this.#pods()) {
      seen.add(uid);
      const pod = nameOf(uid);
      const [kills, refusals] = await this.#counters(dir);
      // A pod that is new since the last look began with nothing.
      const from = this.#isFirst ? undefined : 0;
      if (this.#memory.look(uid, kills, up, from))
        outOfMemory.push({ pod, limit: mebibytes(await textOf(path.join(dir, 'memory.max'))) });
      if (this.#processes.look(uid, refusals, up, from)) {
        const most = (await textOf(path.join(dir, 'pids.max'))).trim();
        outOfProcesses.push({ pod, limit: `its limit is ${most} processes` });
      }
    }
    // The group of a pod that is over goes with it, and what the machine counts stays.
    // A pod that is ended between the two readings is named by the next look.
    const all = outOfMemory.length === 0 ? before : await this.#machineKills();
    if (this.#memory.look(MACHINE, all, up) && outOfMemory.length === 0)
      outOfMemory.push({ pod: 'or program that has ended', limit: 'the kernel ended it' });
    this.#memory.keep(seen.add(MACHINE));
    this.#processes.keep(seen);
    this.#isFirst = false;
    return { outOfMemory, outOfProcesses };
  }

  async #machineKills(): Promise<number> {
    return rowOf(await textOf(this.#places.vmstat), 'oom_kill');
  }

  async #counters(dir: string): Promise<readonly [kills: number, refusals: number]> {
    const memory = await textOf(path.join(dir, 'memory.events'));
    const processes = await textOf(path.join(dir, 'pids.events'));
    return [rowOf(memory, 'oom_kill'), rowOf(processes, 'max')];
  }

  async #pods(): Promise<readonly { readonly uid: string; readonly dir: string }[]> {
    const pods = CLASSES.map(async (name) => {
      const parent = path.join(this.#places.kubepods, name);
      const names = await readdir(parent).catch((): string[] => []);
      return names.flatMap((each) => {
        const [, uid] = POD.exec(each) ?? [];
        return uid === undefined ? [] : [{ uid, dir: path.join(parent, each) }];
      });
    });
    return (await Promise.all(pods)).flat();
  }
}
