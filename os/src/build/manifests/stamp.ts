import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { parseDocument } from 'yaml';

import { repository } from '../../workstation/paths.ts';
import { namedGuid } from '../formats/gpt.ts';
import { type BootstrapChoice, chooseBootstrap } from './bootstrap-choice.ts';

export const manifestsDir = path.join(repository, 'manifests');

/**
 * Puts a fixed `metadata.uid` into a static pod's manifest, derived from its content. Without one kubelet derives it from the host
 * name too, and would restart every static pod when bootstrap names the node.
 */
export function stampManifest(file: string, text: string): string {
  const document = parseDocument(text);
  const fault = document.errors[0];
  if (fault !== undefined)
    throw new KiosError('KIOS_MANIFEST', `read ${file}: ${fault.message.split('\n')[0]}`, {
      exitCode: EXIT.data,
    });
  if (document.getIn(['metadata', 'uid']) !== undefined)
    throw new KiosError('KIOS_MANIFEST', `read ${file}: metadata.uid is stamped at build time`, {
      exitCode: EXIT.data,
      remedy: 'remove metadata.uid',
    });
  document.setIn(['metadata', 'uid'], namedGuid(`manifest:${text}`));
  // Comments explain the manifest to people; the node has no use for them.
  return JSON.stringify(document.toJS());
}

const BOOTSTRAP = 'bootstrap.yaml';

/** Every manifest of the repository (or of `dir`), stamped, by file name; with another bootstrap where one is chosen. */
export async function readManifests(
  dir = manifestsDir,
  bootstrap?: BootstrapChoice,
): Promise<Map<string, string>> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.yaml')).toSorted();
  const stamped = new Map<string, string>();
  for (const name of names) {
    const text = await readFile(path.join(dir, name), 'utf8');
    const chosen =
      name === BOOTSTRAP && bootstrap !== undefined ? chooseBootstrap(text, bootstrap) : text;
    stamped.set(name, stampManifest(path.join('manifests', name), chosen));
  }
  return stamped;
}
