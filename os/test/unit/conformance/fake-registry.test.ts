import { hash } from 'node:crypto';

import { expect, it } from 'vitest';

import { describeLayer, makeImage } from '../../../src/build/formats/oci.ts';
import { Tree } from '../../../src/build/formats/tree.ts';
import { addToRegistry } from '../../../src/conformance/images/fake-registry.ts';

const place = (kind: string, digest: string): string => {
  const hex = digest.replace('sha256:', '');
  return `/var/registry/pause/${kind}/sha256/${hex.slice(0, 2)}/${hex}/data`;
};

it('lays an image out as agnhost’s registry looks for it', async () => {
  const layer = await describeLayer(new Tree(), `sha256:${hash('sha256', 'layer')}`, 5);
  const image = makeImage(
    { name: 'pause:1', layers: [layer], entrypoint: ['/pause'], env: [] },
    'amd64',
    0,
  );
  const tree = new Tree();
  addToRegistry(tree, { layout: '/layout', image, tag: 'pause:testing' });
  const files = new Map(tree.sorted().filter(([, entry]) => entry.type === 'file'));
  expect([...files.keys()].toSorted()).toEqual(
    [
      '/var/registry/pause/manifests/testing',
      place('manifests', image.manifest.digest),
      place('blobs', image.config.digest),
      place('blobs', layer.descriptor.digest),
    ].toSorted(),
  );
  const tag = files.get('/var/registry/pause/manifests/testing');
  expect(tag).toMatchObject({ content: { bytes: Buffer.from(`${image.manifest.digest}\n`) } });
});
