import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';
import { parse } from 'yaml';

import {
  chooseBootstrap,
  PROVIDERS,
  readChoice,
} from '../../../../src/build/manifests/bootstrap-choice.ts';
import { readManifests } from '../../../../src/build/manifests/read.ts';
import { record } from '../../../../src/build/manifests/rules/view.ts';
import { stampManifests } from '../../../../src/build/manifests/stamp.ts';
import { imageName, SHIPPED } from '../../../../src/build/shipped.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const example = path.join(repository, 'examples/bootstrap-custom');
const shipped = path.join(repository, 'manifests/bootstrap.yaml');

it('knows exactly the providers of the agent', async () => {
  const source = path.join(repository, 'agents/bootstrap/src/core/providers/provider.ts');
  const list = /PROVIDER_NAMES = \[([^\]]*)\]/.exec(await readFile(source, 'utf8'))?.[1] ?? '';
  expect([...list.matchAll(/'(\w+)'/g)].map(([, name]) => name)).toEqual([...PROVIDERS]);
});

it.each([
  ['hetzner', { kind: 'provider', provider: 'hetzner' }],
  [example, { kind: 'agent', folder: example, image: imageName('bootstrap-custom') }],
  ['registry.example/team/boot:1', { kind: 'image', image: 'registry.example/team/boot:1' }],
  ['localhost:5000/boot:1', { kind: 'image', image: 'localhost:5000/boot:1' }],
])('reads %s', (word, choice) => {
  expect(readChoice(word)).toEqual(choice);
});

it.each(['hertzner', 'boot:1', 'registry.example/boot', './nothing', ''])('rejects %j', (word) => {
  expect(() => readChoice(word)).toThrow(
    expect.objectContaining({ code: 'KIOS_BOOTSTRAP_CHOICE' }),
  );
});

it('adds a provider as an argument, and a capability for Scaleway', async () => {
  const pod = record(parse(await readFile(shipped, 'utf8')));
  const changed = (provider: string): unknown =>
    chooseBootstrap(pod, { kind: 'provider', provider });
  expect(JSON.stringify(changed('aws'))).toContain('"--provider=aws"]');
  expect(changed('scaleway')).toMatchObject({
    spec: {
      containers: [
        { securityContext: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } } },
      ],
    },
  });
});

const referencesOf = (names: readonly string[]): Map<string, string> =>
  new Map(names.map((name) => [name, `${name}@sha256:${'0'.repeat(64)}`]));
const UID = /"uid":"([^"]*)"/;

/** Returns the manifests of a node with the chosen bootstrap. */
const stamped = async (word?: string, images: readonly string[] = SHIPPED) => {
  const choice = word === undefined ? undefined : readChoice(word);
  const all = stampManifests(await readManifests(), referencesOf(images), choice);
  return { all, bootstrap: all.get('bootstrap.yaml') ?? '' };
};

it('changes only the image for another agent, and with it the pod’s uid', async () => {
  const custom = imageName('bootstrap-custom');
  const [ours, theirs] = [await stamped(), await stamped(example, [...SHIPPED, custom])];
  expect(UID.exec(theirs.bootstrap)?.[1]).not.toBe(UID.exec(ours.bootstrap)?.[1]);
  expect(theirs.bootstrap).toContain(`"image":"${custom}@sha256:`);
  const back = theirs.bootstrap.replace('kios.invalid/bootstrap-custom', 'kios.invalid/bootstrap');
  expect(back.replace(UID, '')).toBe(ours.bootstrap.replace(UID, ''));
  expect(theirs.all.get('dhcp.yaml')).toBe(ours.all.get('dhcp.yaml'));
});

it('names an image that the node pulls as it is written', async () => {
  const { bootstrap } = await stamped('registry.example/team/boot:1');
  expect(bootstrap).toContain('"image":"registry.example/team/boot:1"');
  expect(bootstrap).toContain('"imagePullPolicy":"IfNotPresent"');
});
