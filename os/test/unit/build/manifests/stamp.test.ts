import * as v from 'valibot';
import { expect, it } from 'vitest';

import { readManifests } from '../../../../src/build/manifests/read.ts';
import { stampManifest, stampManifests } from '../../../../src/build/manifests/stamp.ts';

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

it('adds a uid and keeps everything else', () => {
  expect(JSON.parse(stampManifest('a.yaml', POD))).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'dhcp', uid: uidOf(POD) },
    spec: { hostNetwork: true },
  });
});

it('adds the same uid every time and under any file name', () => {
  expect(stampManifest('a.yaml', POD)).toBe(stampManifest('elsewhere/b.yaml', POD));
});

it('adds another uid to other content, so that kubelet restarts the pod', () => {
  expect(uidOf(POD.replace('true', 'false'))).not.toBe(uidOf(POD));
});

it.each([
  ['broken YAML', 'a: [', /^read a\.yaml: .+/],
  ['a uid of its own', POD.replace('name: dhcp', 'name: dhcp\n  uid: x'), /sets metadata\.uid/],
])('rejects %s and names the file', (_, text, message) => {
  expect(() => stampManifest('a.yaml', text)).toThrow(message);
});

it('names the broken one of several files', () => {
  const files = [
    { name: 'a.yaml', text: POD },
    { name: 'bad.yaml', text: 'a: [' },
  ];
  expect(() => stampManifests(files)).toThrow('bad.yaml');
});

it('gives every manifest of the repository a uid of its own', async () => {
  const stamped = [...stampManifests(await readManifests()).values()];
  expect(stamped.length).toBeGreaterThan(0);
  expect(new Set(stamped.map(uidIn)).size).toBe(stamped.length);
});
