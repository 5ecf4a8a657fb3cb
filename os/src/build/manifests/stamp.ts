import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { namedGuid } from '../formats/gpt.ts';
import { REGISTRY } from '../shipped.ts';
import { type BootstrapChoice, chooseBootstrap } from './bootstrap-choice.ts';
import { faultText, isRecord } from './fault.ts';
import { parseManifest } from './parse.ts';
import { type ManifestFile, shippedName } from './read.ts';

/** The images of the node: the name that sources use → the reference by digest. */
export type References = ReadonlyMap<string, string>;

/** Returns what the node calls an image: a shipped one by its digest, another one as written. */
export function nodeReference(image: string, references: References, where: string): string {
  if (!image.startsWith(`${REGISTRY}/`)) return image;
  const reference = references.get(image);
  if (reference !== undefined) return reference;
  throw new KiosError('KIOS_MANIFEST', `stamp ${where}: ${image} does not ship with the node`, {
    exitCode: EXIT.data,
    remedy: `The node’s images are ${[...references.keys()].join(', ')}.`,
  });
}

/** Returns a copy of a pod whose images are named as the node calls them: those of containers and of volumes. */
function withReferences(pod: unknown, rename: (image: string) => string): unknown {
  if (Array.isArray(pod)) return pod.map((part) => withReferences(part, rename));
  if (!isRecord(pod)) return pod;
  return Object.fromEntries(
    Object.entries(pod).map(([name, value]) => {
      const isImage = name === 'image' || name === 'reference';
      const renamed = isImage && typeof value === 'string' ? rename(value) : undefined;
      return [name, renamed ?? withReferences(value, rename)];
    }),
  );
}

function readPod(file: string, text: string): Record<string, unknown> {
  const parsed = parseManifest(text);
  const fail = (why: string): never => {
    throw new KiosError('KIOS_MANIFEST', `read ${file}: ${why}`, { exitCode: EXIT.data });
  };
  if (parsed.faults !== undefined) return fail(parsed.faults.map(faultText).join('; '));
  return isRecord(parsed.value) ? parsed.value : fail('it is not an object');
}

/**
 * Makes the manifest of a static pod for the node: shipped images by digest, and a `metadata.uid` derived from the
 * content. Without that uid kubelet derives one from the host name too, and restarts every static pod when bootstrap
 * names the node.
 */
export function stampManifest(
  file: string,
  text: string,
  references: References,
  bootstrap?: BootstrapChoice,
): string {
  const read = readPod(file, text);
  const chosen = bootstrap === undefined ? read : chooseBootstrap(read, bootstrap);
  const spec = withReferences(chosen['spec'], (image) => nodeReference(image, references, file));
  const pod = { ...chosen, spec };
  const metadata = isRecord(chosen['metadata']) ? chosen['metadata'] : {};
  if (metadata['uid'] !== undefined)
    throw new KiosError(
      'KIOS_MANIFEST',
      `stamp ${file}: it sets metadata.uid, which only the build may set`,
      {
        exitCode: EXIT.data,
        remedy: 'Remove metadata.uid.',
      },
    );
  const uid = namedGuid(`manifest:${JSON.stringify(pod)}`);
  return JSON.stringify({ ...pod, metadata: { ...metadata, uid } });
}

const BOOTSTRAP = 'bootstrap.yaml';

/** Returns the manifests of the node, stamped, by file name, with the chosen bootstrap. */
export function stampManifests(
  files: readonly ManifestFile[],
  references: References,
  bootstrap?: BootstrapChoice,
): Map<string, string> {
  return new Map(
    files.map(({ name, text }) => {
      const shipped = shippedName(name);
      const choice = shipped === BOOTSTRAP ? bootstrap : undefined;
      return [shipped, stampManifest(path.join('manifests', name), text, references, choice)];
    }),
  );
}
