import { closeSync, constants, existsSync, openSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { finitModule, initModule, MODULE_INIT } from '@kios/syscall';

import type { KernelFacts } from '../../core/loading/failure.ts';
import type { Kernel, ModuleState } from '../../core/loading/kernel.ts';
import { packingOf, unpack } from './unpack.ts';

const CAP_SYS_MODULE = 16n;

function text(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return '';
  }
}

function state(name: string): ModuleState {
  const dir = `/sys/module/${name}`;
  if (!existsSync(dir)) return 'absent';
  const initstate = text(`${dir}/initstate`);
  if (initstate === '') return 'builtin';
  return initstate === 'live' ? 'live' : 'loading';
}

/** Returns the names in the text of `/proc/modules` whose init function has returned. */
export function loadedModules(proc: string): string[] {
  const rows = proc.split('\n').map((line) => line.split(' '));
  return rows.flatMap(([name = '', , , , state]) => (state === 'Live' ? [name] : []));
}

/** Resolves a file of the index. Fails when it lies outside the modules folder: an index must not name other files. */
function resolveInside(dir: string, file: string): string {
  const resolved = realpathSync(path.join(dir, file));
  if (resolved.startsWith(`${realpathSync(dir)}/`)) return resolved;
  throw new KiosError('KIOS_MODULE_PATH', `load ${file}: it lies outside ${dir}`, {
    exitCode: EXIT.data,
  });
}

/** Loads a module file. What the kernel cannot unpack is unpacked here. */
async function load(dir: string, file: string, params: string): Promise<void> {
  const target = resolveInside(dir, file);
  const packing = packingOf(target);
  if (packing !== undefined && text('/sys/module/compression') !== packing) {
    await initModule(await unpack(target, packing), params);
    return;
  }
  const fd = openSync(target, constants.O_RDONLY);
  try {
    await finitModule(fd, params, packing === undefined ? 0 : MODULE_INIT.compressed);
  } finally {
    closeSync(fd);
  }
}

/** Returns the running kernel, with module files from `dir`. */
export function linuxKernel(dir: string): Kernel {
  return {
    state,
    load: async (file, params) => load(dir, file, params),
    loaded: () => loadedModules(text('/proc/modules')),
  };
}

/** Returns whether the kernel is built without support for modules. */
export const isMonolithic = (): boolean => !existsSync('/proc/modules');

export function kernelFacts(): KernelFacts {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(text('/proc/self/status'))?.[1] ?? '0';
  return {
    hasCapability: ((BigInt(`0x${effective}`) >> CAP_SYS_MODULE) & 1n) === 1n,
    modulesDisabled: text('/proc/sys/kernel/modules_disabled') === '1',
    lockdown: /\[(\w+)\]/.exec(text('/sys/kernel/security/lockdown'))?.[1] ?? '',
  };
}
