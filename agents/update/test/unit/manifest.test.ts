import { readFileSync } from 'node:fs';
import path from 'node:path';

import { STATE } from '@kios/node-state';
import { REQUESTS, RETRY, UPDATE } from '@kios/node-turn';
import { readExample } from '@kios/testkit/control-plane';
import * as v from 'valibot';
import { expect, it } from 'vitest';

import { FLAGS, toSettings } from '../../src/core/settings/settings.ts';

const repository = path.resolve(import.meta.dirname, '../../../..');
const { version } = v.parse(
  v.object({ version: v.string() }),
  JSON.parse(readFileSync(path.join(repository, 'version.json'), 'utf8')),
);

const objects = readExample('update');
const ofKind = (kind: string) => objects.filter((object) => object.kind === kind);

const Container = v.object({
  image: v.string(),
  args: v.array(v.string()),
  env: v.array(v.object({ name: v.string() })),
  securityContext: v.looseObject({ privileged: v.boolean() }),
  volumeMounts: v.array(
    v.object({
      name: v.string(),
      mountPath: v.string(),
      readOnly: v.optional(v.boolean(), false),
      mountPropagation: v.optional(v.string()),
    }),
  ),
});
const Volume = v.object({
  name: v.string(),
  hostPath: v.optional(v.object({ path: v.string() })),
  image: v.optional(v.object({ reference: v.string() })),
});
const DaemonSet = v.object({
  spec: v.object({
    template: v.object({
      spec: v.object({ containers: v.tuple([Container]), volumes: v.array(Volume) }),
    }),
  }),
});
const { containers, volumes } = v.parse(DaemonSet, ofKind('DaemonSet')[0]).spec.template.spec;
const [container] = containers;
const volume = (name: string) => volumes.find((each) => each.name === name);

it('names the images of this version', () => {
  expect(container.image).toBe(`registry.example/kios/update:${version}`);
  expect(volume('os')?.image?.reference).toBe(`registry.example/kios/os:${version}`);
});

it('gives what the agent reads', () => {
  expect(container.args).toEqual(['run']);
  const flags = container.env.map(({ name }) => name.replace('KIOS_UPDATE_', '').toLowerCase());
  for (const flag of flags) expect(Object.keys(FLAGS)).toContain(flag);
});

it('has no capability, nothing of the host to write but its own folder, and two sockets', () => {
  expect(container.securityContext).toEqual({
    runAsUser: 0,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const mounts = container.volumeMounts.map(({ name, mountPath, readOnly, mountPropagation }) => [
    mountPath,
    volume(name)?.hostPath?.path ?? name,
    readOnly ? 'read' : 'write',
    mountPropagation,
  ]);
  expect(mounts).toEqual([
    ['/os', 'os', 'read', undefined],
    ['/run/kios', '/run/kios', 'read', 'HostToContainer'],
    ['/run/kios/control', 'nothing', 'write', undefined],
    ['/run/kios/seed', 'nothing', 'write', undefined],
    ['/run/kios/control/esp.sock', '/run/kios/control/esp.sock', 'write', undefined],
    ['/run/kios/control/console.sock', '/run/kios/control/console.sock', 'write', undefined],
    ['/var/lib/kios/update', '/var/lib/kios/update', 'write', undefined],
  ]);
});

it('may do what the agent does, and nothing else', () => {
  const Rules = v.object({
    rules: v.array(v.object({ resources: v.array(v.string()), verbs: v.array(v.string()) })),
  });
  const rights = [...ofKind('Role'), ...ofKind('ClusterRole')].flatMap(
    (role) => v.parse(Rules, role).rules,
  );
  expect(rights).toEqual([{ resources: ['nodes'], verbs: ['get', 'patch'] }]);
  const [policy] = ofKind('ValidatingAdmissionPolicy');
  const text = JSON.stringify(policy);
  for (const key of [UPDATE, REQUESTS.reboot, RETRY]) expect(text).toContain(`'${key}'`);
  expect(text).not.toContain(REQUESTS.poweroff);
  // Only a person lets a node try again; the agent removes what it has heeded.
  expect(text.split(`'${RETRY}'`)).toHaveLength(2);
});

const FLAG_DEFAULTS = {
  node: 'a',
  order: '',
  reboot: true,
  'max-unavailable': 0,
  'drain-seconds': 0,
  'idle-seconds': 10,
  server: '',
  os: '/os',
  run: '/run/kios',
  state: '/state',
  socket: '/socket',
  account: '/account',
  'boot-id': '/boot-id',
};

it('reads its flags, and finds what init writes', () =>
  expect(toSettings(FLAG_DEFAULTS)).toMatchObject({
    slots: STATE.slots,
    platform: STATE.platformDir,
    resolvConf: STATE.resolvConf,
    idleMs: 10_000,
    server: undefined,
  }));

it.each([
  ['no name of the node', { node: '' }],
  ['less than nobody', { 'max-unavailable': -1 }],
  ['half a second', { 'drain-seconds': 0.5 }],
  ['no pause', { 'idle-seconds': 0 }],
])('refuses %s', (_, changes) => {
  expect(() => toSettings({ ...FLAG_DEFAULTS, ...changes })).toThrow(/^(use|find)/);
});
