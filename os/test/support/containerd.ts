import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { RunningProcess } from '@kios/testkit';

import { tar } from '../../src/build/formats/tar.ts';
import type { Tree } from '../../src/build/formats/tree.ts';
import { repository } from '../../src/workstation/paths.ts';
import { run } from '../../src/workstation/run.ts';

export const META = 'io.containerd.metadata.v1.bolt/meta.db';
export const SNAPSHOTTER = 'io.containerd.snapshotter.v1.overlayfs';
export const BLOBS = 'io.containerd.content.v1.content/blobs/sha256';
export const LAYERS = `${SNAPSHOTTER}/snapshots`;
/** Folder among the layers at which init mounts those of the store. */
const SHIPPED_LAYERS = '4503599627370495';

/** Unpacks a tree into a folder. */
export async function unpack(tree: Tree, into: string, time: number): Promise<void> {
  await mkdir(into, { recursive: true });
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar(tree, time)) chunks.push(chunk);
  await run('tar', ['-x', '-C', into], { input: Buffer.concat(chunks) });
}

/** Fills containerd's folder from a store, as init does (docs/host-api.md section 5). */
async function linkStore(store: string, into: string): Promise<void> {
  for (const database of [META, `${SNAPSHOTTER}/metadata.db`]) {
    await mkdir(path.dirname(path.join(into, database)), { recursive: true });
    await cp(path.join(store, database), path.join(into, database));
  }
  for (const folder of [BLOBS, LAYERS]) {
    await mkdir(path.join(into, folder), { recursive: true });
    for (const name of await readdir(path.join(store, folder))) {
      const target = folder === LAYERS ? SHIPPED_LAYERS : path.join(store, folder);
      await symlink(path.join(target, name), path.join(into, folder, name));
    }
  }
  await mkdir(path.join(into, LAYERS, SHIPPED_LAYERS));
}

/** Returns the node's own configuration of containerd, moved to folders of the test. */
async function configuration(dir: string): Promise<string> {
  const text = await readFile(path.join(repository, 'os/rootfs/lib/kios/containerd.toml'), 'utf8');
  const moved = text
    .replace('/var/lib/containerd', path.join(dir, 'root'))
    .replace('"/run/containerd"', `"${path.join(dir, 'state')}"`)
    .replace('/run/containerd/containerd.sock', path.join(dir, 'sock'))
    .replace('/etc/cni/net.d', path.join(dir, 'cni'))
    .replace('/etc/containerd/certs.d', path.join(dir, 'certs'));
  return `${moved}
[plugins."io.containerd.server.v1.ttrpc"]
  address = "${path.join(dir, 'sock.ttrpc')}"
`;
}

export interface ContainerdOptions {
  /** Folder of the instance; nothing of it may exist. */
  readonly dir: string;
  readonly programs: { readonly containerd: string; readonly ctr: string };
  /** Folder with images that containerd has from the beginning. */
  readonly store?: string;
  /** Changes the configuration. */
  readonly configure?: (text: string) => string;
}

/**
 * A containerd in its own mount namespace, on a tmpfs: not every workstation's /tmp can hold an overlay's upper folder.
 */
export class Containerd implements AsyncDisposable {
  readonly dir: string;
  readonly socket: string;
  readonly #programs: ContainerdOptions['programs'];
  readonly #holder: RunningProcess;
  readonly #shipped: string;
  #daemon: RunningProcess | undefined;

  private constructor({ dir, programs }: ContainerdOptions) {
    this.dir = dir;
    this.socket = path.join(dir, 'sock');
    this.#programs = programs;
    this.#shipped = path.join(dir, 'root', LAYERS, SHIPPED_LAYERS);
    // The shim and runc keep their files in a fixed place.
    const script =
      'mkdir -p /run/containerd && mount -t tmpfs tmpfs /run/containerd && ' +
      'mount -t tmpfs tmpfs "$1" && cp -a "$2/." "$1/" && echo mounted && exec sleep infinity';
    const dirs = [path.join(dir, 'root'), path.join(dir, 'initial')];
    this.#holder = new RunningProcess('unshare', ['--mount', 'sh', '-c', script, 'sh', ...dirs]);
  }

  static async open(options: ContainerdOptions): Promise<Containerd> {
    const { dir, store, configure = (text) => text } = options;
    for (const folder of ['root', 'initial', 'state', 'cni', 'certs'])
      await mkdir(path.join(dir, folder), { recursive: true });
    if (store !== undefined) await linkStore(store, path.join(dir, 'initial'));
    await writeFile(path.join(dir, 'config.toml'), configure(await configuration(dir)));
    const opened = new Containerd(options);
    await opened.#holder.expect('mounted');
    if (store !== undefined) await opened.mountLayers(store);
    await opened.start();
    return opened;
  }

  #inside = (...command: string[]): string[] => ['-t', `${this.#holder.pid}`, '-m', ...command];

  /** Mounts the layers of a store where the links lead. */
  async mountLayers(store: string): Promise<void> {
    await this.run('mount', '--bind', path.join(store, LAYERS), this.#shipped);
  }

  /** Ends that. Mounts of pods keep the layers that they use. */
  async unmountLayers(): Promise<void> {
    await this.run('umount', '-l', this.#shipped);
  }

  async start(): Promise<void> {
    const config = path.join(this.dir, 'config.toml');
    this.#daemon = new RunningProcess(
      'nsenter',
      this.#inside(this.#programs.containerd, '-c', config),
    );
    await this.#daemon.expect('containerd successfully booted');
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#daemon?.stop(signal);
    this.#daemon = undefined;
  }

  run = (...command: string[]): Promise<string> => run('nsenter', this.#inside(...command));

  ctr = (...args: string[]): Promise<string> =>
    this.run(this.#programs.ctr, '-a', this.socket, '-n', 'k8s.io', ...args);

  /** Reads a file of containerd's folder, while containerd is stopped. */
  async database(name: string): Promise<Buffer> {
    const copy = path.join(this.dir, 'copy.db');
    await this.run('cp', path.join(this.dir, 'root', name), copy);
    return readFile(copy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#holder.stop('SIGKILL');
  }
}
