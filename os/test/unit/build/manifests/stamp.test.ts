import * as v from 'valibot';
import { expect, it } from 'vitest';

import { stampSandbox } from '../../../../src/build/image/root.ts';
import { readManifests } from '../../../../src/build/manifests/read.ts';
import { stampManifest, stampManifests } from '../../../../src/build/manifests/stamp.ts';
import { imageName, SHIPPED } from '../../../../src/build/shipped.ts';

const POD = `# Why this pod is there.
apiVersion: v1
kind: Pod
metadata:
  name: dhcp
spec:
  hostNetwork: true
`;

const Stamped = v.object({ metadata: v.object({ uid: v.pipe(v.string(), v.uuid()) }) });

/** References as a build makes them, with the digest of an image whose bytes are `content`. */
const referencesOf = (content: string): Map<string, string> =>
  new Map(SHIPPED.map((name) => [name, `${name}@sha256:${content.padEnd(64, '0')}`]));

const references = referencesOf('a');
const stamp = (text: string, by = references): string => stampManifest('a.yaml', text, by);
const uidIn = (json: string): string => v.parse(Stamped, JSON.parse(json)).metadata.uid;
const uidOf = (text: string): string => uidIn(stamp(text));

it('adds a uid and keeps everything else', () => {
  expect(JSON.parse(stamp(POD))).toEqual({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'dhcp', uid: uidOf(POD) },
    spec: { hostNetwork: true },
  });
});

it('adds the same uid every time, under any file name and with any comment', () => {
  expect(stamp(POD)).toBe(stampManifest('elsewhere/b.yaml', `# Other words.\n${POD}`, references));
});

it('adds another uid to other content, so that kubelet restarts the pod', () => {
  expect(uidOf(POD.replace('true', 'false'))).not.toBe(uidOf(POD));
});

const withImage = (image: string, more = ''): string =>
  `${POD}  containers:\n    - {name: run, image: '${image}'}\n${more}`;

it('names shipped images by digest, wherever a pod names one', () => {
  const dhcp = imageName('dhcp');
  const text = withImage(
    dhcp,
    `  initContainers:
    - {name: first, image: '${dhcp}'}
  volumes:
    - {name: files, image: {reference: '${imageName('cni')}'}}
`,
  );
  expect(JSON.parse(stamp(text))).toMatchObject({
    spec: {
      containers: [{ image: references.get(dhcp) }],
      initContainers: [{ image: references.get(dhcp) }],
      volumes: [{ image: { reference: references.get(imageName('cni')) } }],
    },
  });
});

it('keeps the name of an image that does not ship', () => {
  expect(stamp(withImage('example.org/a:1'))).toContain('"image":"example.org/a:1"');
});

it('adds another uid for another content of an image, so that kubelet restarts the pod', () => {
  const text = withImage(imageName('dhcp'));
  expect(uidIn(stamp(text, referencesOf('b')))).not.toBe(uidIn(stamp(text)));
});

it.each([
  ['broken YAML', 'a: [', /^read a\.yaml: line 1: is not indented/],
  ['text', 'a', /^read a\.yaml: it is not an object/],
  ['a uid of its own', POD.replace('name: dhcp', 'name: dhcp\n  uid: x'), /sets metadata\.uid/],
  ['an image that the node lacks', withImage(imageName('dhpc')), /dhpc:[\d.]+ does not ship/],
])('rejects %s and names the file', (_, text, message) => {
  expect(() => stamp(text)).toThrow(message);
});

it('names the broken one of several files', () => {
  const files = [
    { name: 'a.yaml', text: POD },
    { name: 'bad.yaml', text: 'a: [' },
  ];
  expect(() => stampManifests(files, references)).toThrow('bad.yaml');
});

it('gives every manifest of the repository a uid of its own, and its images digests', async () => {
  const stamped = [...stampManifests(await readManifests(), references).values()];
  expect(stamped.length).toBeGreaterThan(0);
  expect(new Set(stamped.map(uidIn)).size).toBe(stamped.length);
  const images = stamped.flatMap((json) => json.match(/"image":"[^"]*"/g) ?? []);
  expect(images.length).toBeGreaterThanOrEqual(stamped.length);
  for (const image of images)
    expect(image).toMatch(/:"kios\.invalid\/[a-z-]+:[\d.]+@sha256:\w{64}"$/);
});

it('names the sandbox of every pod by digest in containerd’s configuration', () => {
  const text = `before\nsandbox = "${imageName('pause')}"\nafter\n`;
  expect(stampSandbox(text, references)).toBe(
    `before\nsandbox = "${references.get(imageName('pause'))}"\nafter\n`,
  );
  expect(() => stampSandbox('', references)).toThrow('find the image of the sandbox');
  expect(() => stampSandbox(text, new Map())).toThrow('does not ship');
});
