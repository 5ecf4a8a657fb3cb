import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import type { OciImage } from '../../src/build/formats/oci.ts';
import { makeStore, type PreloadedImage } from '../../src/build/store/store.ts';
import { type Containerd, unpack } from './containerd.ts';
import { buildInit } from './init-program.ts';
import { TIME } from './node-containerd.ts';
import { origin } from './trees.ts';

/** What init's command for containerd's databases reports. */
type Report = v.InferOutput<typeof Report>;
const Report = v.strictObject({
  lost: v.optional(v.array(v.string()), []),
  paths: v.optional(v.number()),
  bytes: v.optional(v.number()),
  images: v.optional(v.array(v.string()), []),
  removed: v.optional(v.array(v.string()), []),
  repositories: v.optional(v.array(v.string()), []),
  faults: v.optional(v.array(v.object({ file: v.string(), error: v.string() })), []),
});

/** Builds init; returns its path under the name by which it edits containerd's databases. */
export const buildStoreCommand = (dir: string): Promise<string> => buildInit(dir, 'kios-store');

async function parents(): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = /\) \S (?<parent>\d+)/.exec(stat)?.groups?.['parent'];
    if (parent !== undefined) found.set(Number(name), Number(parent));
  }
  return found;
}

/** Kills the shims of this containerd and what runs below them, as a loss of power does. */
async function killPods(socket: string): Promise<void> {
  const parentOf = await parents();
  const doomed = new Set<number>();
  for (const pid of parentOf.keys()) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('containerd-shim') && command.includes(socket)) doomed.add(pid);
  }
  for (let before = -1; before < doomed.size;) {
    before = doomed.size;
    for (const [pid, parent] of parentOf) if (doomed.has(parent)) doomed.add(pid);
  }
  for (const pid of doomed) process.kill(pid, 'SIGKILL');
}

/** A node's containerd over boots of different images of the system. */
export class RebootingNode {
  readonly #home: string;
  readonly #containerd: Containerd;
  readonly #command: string;

  constructor(home: string, containerd: Containerd, command: string) {
    this.#home = home;
    this.#containerd = containerd;
    this.#command = command;
  }

  async #store(verb: string, ...more: readonly string[]): Promise<Report> {
    const root = path.join(this.#containerd.dir, 'root');
    const said = await this.#containerd.run(
      this.#command,
      verb,
      path.join(this.#home, 'store'),
      root,
      ...more,
    );
    return v.parse(v.pipe(v.string(), v.parseJson(), Report), said);
  }

  /** Ends containerd and its pods. An orderly stop has init keep pulled images whole. */
  async stop(orderly: boolean): Promise<void> {
    await this.#containerd.stop(orderly ? 'SIGTERM' : 'SIGKILL');
    await killPods(this.#containerd.socket);
    if (orderly) await this.#store('keep');
    await this.#containerd.unmountLayers();
  }

  /**
   * Starts containerd with the store of this image of the system, as after a boot from a medium with these archives.
   */
  async start(
    images: readonly OciImage[],
    preloaded: readonly PreloadedImage[] = [],
    archives?: string,
  ): Promise<Report> {
    const store = path.join(this.#home, 'store');
    await rm(store, { recursive: true });
    await unpack(makeStore(images, TIME, origin, preloaded), store, TIME);
    const adapted = await this.#store('adapt');
    await this.#containerd.mountLayers(store);
    const report =
      archives === undefined
        ? adapted
        : { ...(await this.#store('import', archives)), lost: adapted.lost };
    const state = path.join(this.#containerd.dir, 'state');
    const clear = `grep -o " $1/[^ ]*" /proc/self/mounts | sort -r | xargs -r umount -l; rm -rf "$1"/* /run/containerd/*`;
    await this.#containerd.run('sh', '-c', clear, 'sh', state);
    await mkdir(state, { recursive: true });
    await this.#containerd.start();
    return report;
  }
}
