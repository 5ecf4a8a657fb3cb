import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { run } from '../../workstation/run.ts';

const PACK_MS = 120_000;

/** The place of a bundle that is not finished: beside it, so that it gets its name in one step. */
export class Bundle {
  readonly file: string;
  readonly #scratch: string;

  private constructor(file: string, scratch: string) {
    this.file = file;
    this.#scratch = scratch;
  }

  /** Makes a folder that only its owner opens. Fails before anything is asked, where nothing can be written. */
  static async open(file: string): Promise<Bundle> {
    const scratch = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}.tmp`);
    try {
      await mkdir(scratch, { mode: 0o700 });
      // A file does not take the place of a folder, which would show only at the end.
      if ((await stat(file).catch(() => undefined))?.isDirectory() === true)
        throw new Error('it is a folder');
    } catch (cause) {
      await rm(scratch, { recursive: true, force: true });
      throw new KiosError('KIOS_DOCTOR_OUTPUT', `write ${file}`, {
        cause,
        exitCode: EXIT.permission,
        remedy: 'Name a file in a folder that you may write to with --output.',
      });
    }
    return new Bundle(file, scratch);
  }

  /** Packs files into the folder `name` of the archive, which only its owner can read. */
  async write(name: string, files: ReadonlyMap<string, string>): Promise<void> {
    const folder = path.join(this.#scratch, name);
    for (const [file, content] of files) {
      const target = path.join(folder, file);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, content);
    }
    const archive = path.join(this.#scratch, 'bundle.tar.gz');
    // Beforehand, so that nobody else can open what tar writes into it.
    await writeFile(archive, '', { mode: 0o600 });
    const owner = ['--owner=0', '--group=0', '--numeric-owner', '--sort=name'];
    await run('tar', [...owner, '-czf', archive, '-C', this.#scratch, name], {
      timeoutMs: PACK_MS,
    });
    await rename(archive, this.file);
  }

  async remove(): Promise<void> {
    await rm(this.#scratch, { recursive: true, force: true });
  }
}
