import path from 'node:path';

import { blobPath, type OciImage } from '../../build/formats/oci.ts';
import type { Tree } from '../../build/formats/tree.ts';
import { storedFile } from '../../build/image/stored-files.ts';
import { OWN } from './base.ts';

/** Where the registry in agnhost looks (test/images/agnhost/fakeregistryserver/registryserver.go). */
const FOLDER = '/var/registry';

const placeOf = (kind: string, digest: string): string => {
  const [algorithm = '', hash = ''] = digest.split(':');
  return path.posix.join(kind, algorithm, hash.slice(0, 2), hash, 'data');
};

/**
 * Gives agnhost's registry an image as `NAME:TAG`, whose layers are in a layout, as upstream's `prepare_registry.sh`
 * does.
 */
export function addToRegistry(
  tree: Tree,
  {
    layout,
    image,
    tag,
  }: { readonly layout: string; readonly image: OciImage; readonly tag: string },
): void {
  const [name = '', label = ''] = tag.split(':');
  const under = (...parts: string[]): string => path.posix.join(FOLDER, name, ...parts);
  const { manifest, config, layers } = image;
  tree.text(under('manifests', label), `${manifest.digest}\n`, OWN);
  const add = (kind: string, { digest, content }: OciImage['config']): unknown =>
    tree.file(under(placeOf(kind, digest)), 0o644, { bytes: content }, OWN);
  add('manifests', manifest);
  add('blobs', config);
  for (const { descriptor } of layers) {
    const file = path.join(layout, blobPath(descriptor.digest));
    tree.file(under(placeOf('blobs', descriptor.digest)), 0o644, storedFile(file), OWN);
  }
}
