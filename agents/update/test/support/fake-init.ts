import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { ENTRIES, entryText, IMAGES, imageOf } from '../../src/core/slots/names.ts';

const say = (socket: Socket, object: object): void =>
  void socket.write(`${JSON.stringify({ v: 1, ...object })}\n`);

/**
 * A machine with an EFI system partition and a stand-in for init: while a connection to its socket is open, the
 * partition lies where it is mounted, and at no other time.
 */
export class FakeInit implements AsyncDisposable {
  readonly folder: string;
  readonly #server: Server;
  #holder: Socket | undefined;
  mounts = 0;
  /** In place of mounting. */
  refusal: object | undefined;
  /** Called before the partition is mounted, with the number of the mount. */
  onMount: (mount: number) => void = () => {};

  private constructor(folder: string) {
    this.folder = folder;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<FakeInit> {
    const init = new FakeInit(mkdtempSync(path.join(tmpdir(), 'kios-update-')));
    for (const folder of [
      `disk/${IMAGES}`,
      `disk/${ENTRIES}`,
      'os',
      'state',
      'account',
      'platform',
    ])
      mkdirSync(init.at(folder), { recursive: true });
    writeFileSync(init.at('boot-id'), 'boot-1\n');
    const { promise, resolve } = Promise.withResolvers<void>();
    init.#server.listen(init.at('esp.sock'), resolve);
    await promise;
    return init;
  }

  at(name: string): string {
    return path.join(this.folder, name);
  }

  get place() {
    return { socket: this.at('esp.sock'), folder: this.at('esp') };
  }

  /** Where the partition is now. */
  get #partition(): string {
    return this.at(existsSync(this.at('disk')) ? 'disk' : 'esp');
  }

  get isMounted(): boolean {
    return this.#holder !== undefined;
  }

  #serve(socket: Socket): void {
    socket.on('error', () => undefined).resume();
    if (this.refusal !== undefined) return say(socket, { mounted: false, ...this.refusal });
    const before = this.#holder;
    if (before !== undefined) return void before.once('close', () => this.#serve(socket));
    this.#holder = socket;
    this.onMount(++this.mounts);
    renameSync(this.at('disk'), this.at('esp'));
    socket.prependListener('close', () => {
      renameSync(this.at('esp'), this.at('disk'));
      this.#holder = undefined;
    });
    say(socket, { mounted: true });
  }

  /** Puts a system onto the partition, with an entry that is confirmed unless another name is given. */
  put(generation: number, content: string | Uint8Array, entry?: string): void {
    writeFileSync(path.join(this.#partition, imageOf(generation)), content);
    const name = entry ?? `kios-${String(generation).padStart(4, '0')}.conf`;
    writeFileSync(path.join(this.#partition, ENTRIES, name), entryText(generation, '0.1.0'));
  }

  write(name: string, content: string): void {
    writeFileSync(path.join(this.#partition, name), content);
  }

  remove(name: string): void {
    rmSync(path.join(this.#partition, name));
  }

  names(folder: string): readonly string[] {
    return readdirSync(path.join(this.#partition, folder)).toSorted();
  }

  read(name: string): string | undefined {
    const file = path.join(this.#partition, name);
    return existsSync(file) ? readFileSync(file, 'latin1') : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const holder = this.#holder;
    if (holder !== undefined) {
      const end = once(holder, 'close');
      holder.destroy();
      await end;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
