import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { parseDocument } from 'yaml';

import { namedGuid } from '../formats/gpt.ts';
import { type BootstrapChoice, chooseBootstrap } from './bootstrap-choice.ts';
import { type ManifestFile, shippedName } from './read.ts';

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

/** Returns the manifests as the node has them, stamped, by file name; with another bootstrap where one is chosen. */
export function stampManifests(
  files: readonly ManifestFile[],
  bootstrap?: BootstrapChoice,
): Map<string, string> {
  return new Map(
    files.map((file) => {
      const name = shippedName(file.name);
      const isChosen = name === BOOTSTRAP && bootstrap !== undefined;
      const text = isChosen ? chooseBootstrap(file.text, bootstrap) : file.text;
      return [name, stampManifest(path.join('manifests', file.name), text)];
    }),
  );
}
