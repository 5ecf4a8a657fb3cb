import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { syncPath } from '@kios/agent';
import { errorCode } from '@kios/errors';

import { KUBECONFIG } from '../../core/files/render.ts';
import type { Settings } from '../../core/settings/settings.ts';

/** kubelet's certificates, each with its key; `current` is a link to the one in use. */
const CERTIFICATE = /^kubelet-(?:client|server)-.*\.pem$/;
const OLD = '.old';

interface IdentityFiles {
  /** The certificates that kubelet sees, each link behind the files it may point to. */
  readonly present: readonly string[];
  /** Those that were set aside, in the same order and without `.old`. */
  readonly former: readonly string[];
}

async function unlessMissing<T>(done: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await done;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return otherwise;
    throw error;
  }
}

async function listFiles({ kubeletPki }: Settings): Promise<IdentityFiles> {
  const names = await unlessMissing(readdir(kubeletPki), []);
  // By their names, `current` follows the dates of the others.
  const sorted = names.toSorted();
  const old = sorted.filter((name) => name.endsWith(OLD)).map((name) => name.slice(0, -OLD.length));
  const inFolder = (all: readonly string[]): readonly string[] =>
    all.filter((name) => CERTIFICATE.test(name)).map((name) => path.join(kubeletPki, name));
  return { present: inFolder(sorted), former: inFolder(old) };
}

const kubeconfigOf = ({ etc }: Settings): string => path.join(etc, KUBECONFIG);

/**
 * Puts the certificates and the kubeconfig on the disk. kubelet writes them without a sync, so a power cut after the
 * token's removal would leave a node with neither.
 */
export async function syncIdentity(settings: Settings): Promise<void> {
  const { present } = await listFiles(settings);
  const kubeconfig = kubeconfigOf(settings);
  const folders = [settings.kubeletPki, path.dirname(kubeconfig)];
  for (const file of [...present, kubeconfig, ...folders])
    await unlessMissing(syncPath(file), undefined);
}

const moveAside = async (file: string): Promise<void> =>
  unlessMissing(rename(file, `${file}${OLD}`), undefined);

/** Makes kubelet request new certificates at its next start; the present ones are kept as `.old`. */
export async function setIdentityAside(settings: Settings): Promise<void> {
  const { present, former } = await listFiles(settings);
  for (const file of present.toReversed()) {
    // Within one trial only the identity from before it is worth keeping.
    if (former.includes(file)) await rm(file, { force: true });
    else await moveAside(file);
  }
  await moveAside(kubeconfigOf(settings));
}

/** Undoes `setIdentityAside`; the certificates of the cluster that did not work are removed. */
export async function bringIdentityBack(settings: Settings): Promise<void> {
  const { present, former } = await listFiles(settings);
  for (const file of present.toReversed()) await rm(file, { force: true });
  for (const file of former) await unlessMissing(rename(`${file}${OLD}`, file), undefined);
  await rm(`${kubeconfigOf(settings)}${OLD}`, { force: true });
}

/** Removes the identity that was set aside: whoever reads this disk could still use it in the former cluster. */
export async function forgetFormerIdentity(settings: Settings): Promise<void> {
  const { former } = await listFiles(settings);
  for (const file of [...former, kubeconfigOf(settings)])
    await rm(`${file}${OLD}`, { force: true });
}
