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
import { stampManifests } from '../../../../src/build/manifests/stamp.ts';
import { imageName } from '../../../../src/build/shipped.ts';
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
  const text = await readFile(shipped, 'utf8');
  const changed = (provider: string): unknown =>
    parse(chooseBootstrap(text, { kind: 'provider', provider }));
  expect(JSON.stringify(changed('aws'))).toContain('"--provider=aws"]');
  expect(changed('scaleway')).toMatchObject({
    spec: {
      containers: [
        { securityContext: { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } } },
      ],
    },
  });
});

const text = (all: ReadonlyMap<string, string>): string => all.get('bootstrap.yaml') ?? '';

it('changes only the image for another agent, and with it the pod’s uid', async () => {
  const choice = readChoice(example);
  const files = await readManifests();
  const [ours, theirs] = [stampManifests(files), stampManifests(files, choice)];
  const uid = /"uid":"([^"]*)"/;
  expect(uid.exec(text(theirs))?.[1]).not.toBe(uid.exec(text(ours))?.[1]);
  expect(text(theirs)).toContain(`"image":"${imageName('bootstrap-custom')}"`);
  const back = text(theirs).replace('kios.invalid/bootstrap-custom', 'kios.invalid/bootstrap');
  expect(back.replace(uid, '')).toBe(text(ours).replace(uid, ''));
  expect(theirs.get('dhcp.yaml')).toBe(ours.get('dhcp.yaml'));
});
