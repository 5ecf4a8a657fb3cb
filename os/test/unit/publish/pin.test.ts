import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { parseManifest } from '../../../src/build/manifests/parse.ts';
import { manifestsDir, readManifests } from '../../../src/build/manifests/read.ts';
import { stampManifests } from '../../../src/build/manifests/stamp.ts';
import { SHIPPED, shortName } from '../../../src/build/shipped.ts';
import { checkPinFolder, pinManifest, writePinned } from '../../../src/publish/pin.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const pins = new Map(
  SHIPPED.map((image) => [image, `registry.example/kios/${shortName(image)}:v1@${digest}`]),
);

it('changes images and pull policies, and no other byte', async () => {
  for (const { text } of await readManifests()) {
    const pinned = pinManifest(text, pins);
    const changed = pinned.split('\n').filter((line, index) => line !== text.split('\n')[index]);
    expect(changed.length).toBeGreaterThan(0);
    for (const line of changed)
      expect(line).toMatch(
        /^ +(?:- )?(?:image: registry\.example\/kios\/[a-z-]+:v1@sha256:(?:ab){32}|imagePullPolicy: IfNotPresent)$/,
      );
    expect(pinned).not.toContain('kios.invalid');
    expect(pinned).not.toContain('Never');
    expect(parseManifest(pinned).faults).toBeUndefined();
  }
});

it('finds images in quotes, behind anchors and in volumes, and leaves others alone', () => {
  const [image = ''] = SHIPPED;
  const text = `spec:
  containers:
    - &one { name: one, image: "${image}", imagePullPolicy: Never } # kept
    - image: example.org/other:1
      imagePullPolicy: Never
  volumes:
    - image: { reference: '${image}', pullPolicy: Never }
    - name: ${image}
`;
  const pinned = pins.get(image);
  expect(pinManifest(text, pins)).toBe(`spec:
  containers:
    - &one { name: one, image: ${pinned}, imagePullPolicy: IfNotPresent } # kept
    - image: example.org/other:1
      imagePullPolicy: Never
  volumes:
    - image: { reference: ${pinned}, pullPolicy: IfNotPresent }
    - name: ${image}
`);
});

it('writes a copy that a build takes', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kios-pin-'));
  try {
    await writePinned(folder, pins);
    expect(await readdir(folder)).toEqual((await readdir(manifestsDir)).toSorted());
    const stamped = stampManifests(await readManifests(folder), new Map());
    expect(stamped.get('dhcp.yaml')).toContain(`registry.example/kios/dhcp:v1@${digest}`);
    expect(await readFile(path.join(manifestsDir, 'dhcp.yaml'), 'utf8')).toContain('kios.invalid');
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('does not write over the sources', () => {
  expect(() => checkPinFolder(`${manifestsDir}/`)).toThrow(
    expect.objectContaining({ code: 'KIOS_PUBLISH_PIN' }),
  );
});
