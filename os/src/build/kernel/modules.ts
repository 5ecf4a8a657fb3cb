import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { run } from '../../workstation/run.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { signModule } from './module-signature.ts';
import type { Toolchain } from './toolchain.ts';

interface SignRequest {
  readonly toolchain: Toolchain;
  readonly tools: Toolroot;
  /** Folder of the build's objects. */
  readonly objects: string;
  /** Folder that gets `modules/lib/modules/<version>`. */
  readonly into: string;
  readonly note: (line: string) => void;
}

/** Inputs of depmod that the kernel's build makes. */
const INDEXES = ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'];

/**
 * Writes the built modules as in /lib/modules, signed and without debug information, and returns the certificates that
 * the kernel needs for them. `make modules_install` would sign with a key.
 */
export async function signModules(request: SignRequest): Promise<Buffer[]> {
  const { objects, into, toolchain, tools, note } = request;
  const release = path.join(objects, 'include/config/kernel.release');
  const version = (await readFile(release, 'utf8')).trim();
  const root = path.join(into, 'modules');
  const dir = path.join(root, 'lib/modules', version);
  await mkdir(dir, { recursive: true });
  const certificates: Buffer[] = [];
  const order = await readFile(path.join(objects, 'modules.order'), 'utf8');
  const files = order.split('\n').filter((line) => line !== '').map((line) => line.replace(/\.o$/, '.ko')); // prettier-ignore
  for (const file of files) {
    note(`  SIGN    ${file}`);
    const target = path.join(dir, 'kernel', file);
    await mkdir(path.dirname(target), { recursive: true });
    const strip = [`--strip-debug`, path.join(objects, file), '-o', target];
    await run('llvm-strip', strip, { env: toolchain.env });
    const { bytes, certificate } = signModule(file, await readFile(target));
    await writeFile(target, bytes);
    certificates.push(certificate);
  }
  for (const name of INDEXES) await copyFile(path.join(objects, name), path.join(dir, name));
  await tools.run('usr/sbin/depmod', ['-b', root, version]);
  return certificates;
}
