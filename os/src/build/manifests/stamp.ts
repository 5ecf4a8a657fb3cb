import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { parseDocument } from 'yaml';

import { namedGuid } from '../formats/gpt.ts';
import { type BootstrapChoice, chooseBootstrap } from './bootstrap-choice.ts';
import { type ManifestFile, shippedName } from './read.ts';

/**
 * Adds a `metadata.uid` derived from the content to a static pod's manifest. Without it kubelet derives the uid from
 * the host name too, and restarts every static pod when bootstrap names the node.
 */
export function stampManifest(file: string, text: string): string {
  const document = parseDocument(text);
  const fault = document.errors[0];
  if (fault !== undefined)
    throw new KiosError('KIOS_MANIFEST', `read ${file}: ${fault.message.split('\n')[0]}`, {
      exitCode: EXIT.data,
    });
  if (document.getIn(['metadata', 'uid']) !== undefined)
    throw new KiosError(
      'KIOS_MANIFEST',
      `stamp ${file}: it sets metadata.uid, which only the build may set`,
      {
        exitCode: EXIT.data,
        remedy: 'Remove metadata.uid.',
      },
    );
  document.setIn(['metadata', 'uid'], namedGuid(`manifest:${text}`));
  // The node has no use for the comments.
  return JSON.stringify(document.toJS());
}

const BOOTSTRAP = 'bootstrap.yaml';

/** Returns the manifests of the node, stamped, by file name, with the chosen bootstrap. */
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
