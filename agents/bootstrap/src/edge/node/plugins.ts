import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, open, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { removeStaleTemps, tempName } from '@kios/agent';

import type { ClusterAuth } from '../../core/cluster/auth.ts';
import type { NodeBootstrap } from '../../core/document/schema.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** Returns the programs that kubelet starts for a document. */
export function pluginsOf(
  document: NodeBootstrap,
  auth: ClusterAuth | undefined,
): readonly string[] {
  const providers = (document.credentialProviders ?? []).map(({ name }) => name);
  const program = auth?.kind === 'user' ? auth.program : undefined;
  return [...new Set(program === undefined ? providers : [program, ...providers])];
}

const sizeOf = async (file: string): Promise<number | undefined> =>
  stat(file).then(
    ({ size }) => size,
    () => undefined,
  );

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Installs a program by rename, because the present one may be running. */
async function install(from: string, to: string): Promise<void> {
  const dir = path.dirname(to);
  await mkdir(dir, { recursive: true, mode: 0o755 });
  await removeStaleTemps(dir);
  const temp = tempName(to);
  await copyFile(from, temp);
  await chmod(temp, 0o755);
  const handle = await open(temp, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temp, to);
}

async function ensure(name: string, settings: Settings, thorough: boolean): Promise<boolean> {
  const from = path.join(settings.plugins, name);
  const to = path.join(settings.pluginDir, name);
  const [shipped, installed] = await Promise.all([sizeOf(from), sizeOf(to)]);
  if (shipped === undefined && installed !== undefined) return false;
  if (shipped === undefined)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_PLUGIN',
      `install ${name} for kubelet: this agent's image has no ${from}`,
    );
  const isEqual =
    shipped === installed && (!thorough || (await sha256(from)) === (await sha256(to)));
  if (!isEqual) await install(from, to);
  return !isEqual;
}

/**
 * Copies programs from the agent's image to where kubelet may start them, and returns those it copied. Nothing is ever
 * downloaded. `thorough` compares contents, which would be the longest part of the start of a configured node.
 */
export async function installPlugins(
  names: readonly string[],
  settings: Settings,
  thorough: boolean,
): Promise<readonly string[]> {
  const copied = await Promise.all(names.map(async (name) => ensure(name, settings, thorough)));
  return names.filter((_name, index) => copied[index] === true);
}
