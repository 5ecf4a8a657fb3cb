import path from 'node:path';

import { Tree } from '../../../src/build/formats/tree.ts';
import {
  buildIn,
  buildParts,
  type BuildRequest,
  type Parts,
} from '../../../src/build/image/build-image.ts';
import { makeErofs } from '../../../src/build/image/erofs.ts';
import { makeInitramfs } from '../../../src/build/image/initramfs.ts';
import { makeEarlyRoot, rootFile } from '../../../src/build/image/root.ts';
import { ensureGo } from '../../../src/build/sources/upstream/go-toolchain.ts';
import { silent } from '../../../src/workstation/progress.ts';
import { run } from '../../../src/workstation/run.ts';
import { withSection } from '../systems.ts';

const INITRD = '.initrd';

/** Returns a tree without the paths for which `isGone` holds. */
export function treeWithout(tree: Tree, isGone: (where: string) => boolean): Tree {
  const rest = new Tree();
  for (const [where, entry] of tree.sorted()) {
    if (isGone(where)) continue;
    if (entry.type === 'directory') rest.directory(where, entry.mode);
    else if (entry.type === 'symlink') rest.symlink(where, entry.target);
    else rest.file(where, entry.mode, entry.content, entry.origin);
  }
  return rest;
}

/** Makes systems that are the build's but for one thing. */
export class BrokenSystems {
  readonly #efi: Buffer;
  readonly #parts: Parts;

  constructor(efi: Buffer, parts: Parts) {
    this.#efi = efi;
    this.#parts = parts;
  }

  /** Reads the parts of the build in this folder, which is finished. */
  static async of(efi: Buffer, dist: string, request: BuildRequest): Promise<BrokenSystems> {
    return new BrokenSystems(efi, await buildIn(dist, request, () => buildParts(dist, request)));
  }

  async #withInitramfs(init: string, root: string): Promise<Buffer> {
    const { kernel, microcode } = this.#parts.base;
    return withSection(this.#efi, INITRD, () =>
      makeInitramfs(makeEarlyRoot(kernel, init), rootFile(root), microcode?.early),
    );
  }

  /** An init that ends at once. `folder` is for the program. */
  async withEndingInit(folder: string): Promise<Buffer> {
    const program = path.join(folder, 'ending-init');
    const cwd = path.join(import.meta.dirname, 'ending-init');
    const env = { CGO_ENABLED: '0' };
    await run(await ensureGo(silent), ['build', '-o', program, '.'], { cwd, env });
    return this.#withInitramfs(program, this.#parts.root);
  }

  /** A root image of which no file can be read. */
  withoutRootsHead(): Promise<Buffer> {
    return withSection(this.#efi, INITRD, (content) => {
      const copy = Buffer.from(content);
      const root = copy.indexOf('root.erofs\0');
      return copy.fill(0, root + 4096, root + 12_288);
    });
  }

  /** Another root. */
  async withRoot(change: (files: Tree) => Tree): Promise<Buffer> {
    const { base, files } = this.#parts;
    const { time, tools, progress, init } = base;
    const tree = change(files);
    return this.#withInitramfs(init, await makeErofs({ tree, name: 'root.erofs', time, tools, progress })); // prettier-ignore
  }
}
