import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { readManifests, stampManifest } from '../../../../src/build/manifests/stamp.ts';

const POD = `# Why this pod is there.
apiVersion: v1
kind: Pod
metadata:
  name: dhcp
spec:
  hostNetwork: true
`;

const Stamped = v.object({ metadata: v.object({ uid: v.pipe(v.string(), v.uuid()) }) });

const uidIn = (json: string): string => v.parse(Stamped, JSON.parse(json)).metadata.uid;
const uidOf = (text: string): string => uidIn(stampManifest('a.yaml', text));

it('stamps a uid and keeps everything else', () => {
  expect(JSON.parse(stampManifest('a.yaml', POD))).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'dhcp', uid: uidOf(POD) },
    spec: { hostNetwork: true },
  });
});

it('stamps the same uid whatever the file is called and whenever', () => {
  expect(stampManifest('a.yaml', POD)).toBe(stampManifest('elsewhere/b.yaml', POD));
});

it('stamps another uid on other content, so that kubelet starts the pod anew', () => {
  expect(uidOf(POD.replace('true', 'false'))).not.toBe(uidOf(POD));
});

it.each([
  ['broken YAML', 'a: [', /^read a\.yaml: .+/],
  [
    'a uid of its own',
    POD.replace('name: dhcp', 'name: dhcp\n  uid: x'),
    /metadata\.uid is stamped/,
  ],
])('refuses %s and names the file', (_, text, message) => {
  expect(() => stampManifest('a.yaml', text)).toThrow(message);
});

it('reads the YAML files of a folder by name', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-manifests-'));
  try {
    for (const name of ['b.yaml', 'a.yaml', 'README.md'])
      await writeFile(path.join(dir, name), POD);
    expect([...(await readManifests(dir)).keys()]).toEqual(['a.yaml', 'b.yaml']);
    await writeFile(path.join(dir, 'bad.yaml'), 'a: [');
    await expect(readManifests(dir)).rejects.toThrow('bad.yaml');
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('reads the manifests of the repository', async () => {
  const stamped = [...(await readManifests()).values()];
  expect(stamped.length).toBeGreaterThan(0);
  expect(new Set(stamped.map(uidIn)).size).toBe(stamped.length);
});
