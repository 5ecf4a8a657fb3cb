import { readFileSync } from 'node:fs';
import path from 'node:path';

import { LEASE_PATH } from '@kios/node-turn';
import { readExample } from '@kios/testkit/control-plane';
import * as v from 'valibot';
import { expect, it } from 'vitest';

import { FLAGS } from '../../src/core/settings/settings.ts';

const repository = path.resolve(import.meta.dirname, '../../../..');
const { version } = v.parse(
  v.object({ version: v.string() }),
  JSON.parse(readFileSync(path.join(repository, 'version.json'), 'utf8')),
);

const objects = readExample('lifecycle');
const ofKind = (kind: string) => objects.filter((object) => object.kind === kind);

const Mount = v.object({
  name: v.string(),
  mountPath: v.string(),
  readOnly: v.optional(v.boolean(), false),
});
const Container = v.object({
  image: v.string(),
  args: v.array(v.string()),
  env: v.array(v.object({ name: v.string() })),
  securityContext: v.object({
    privileged: v.boolean(),
    allowPrivilegeEscalation: v.boolean(),
    readOnlyRootFilesystem: v.boolean(),
    capabilities: v.strictObject({ drop: v.array(v.string()) }),
    seccompProfile: v.object({ type: v.string() }),
  }),
  volumeMounts: v.array(Mount),
});
const DaemonSet = v.object({
  spec: v.object({
    template: v.object({
      spec: v.object({
        containers: v.tuple([Container]),
        volumes: v.array(v.object({ name: v.string(), hostPath: v.object({ path: v.string() }) })),
      }),
    }),
  }),
});
const { containers, volumes } = v.parse(DaemonSet, ofKind('DaemonSet')[0]).spec.template.spec;
const [container] = containers;
const hostPath = (name: string) => volumes.find((volume) => volume.name === name)?.hostPath.path;

it('names the image of this version', () => {
  expect(container.image).toBe(`registry.example/kios/lifecycle:${version}`);
});

it('gives flags that the agent has, and the name of the node', () => {
  const [verb, ...flags] = container.args;
  expect(verb).toBe('watch');
  for (const flag of flags) expect(Object.keys(FLAGS)).toContain(/^--([a-z-]+)=/.exec(flag)?.[1]);
  expect(container.env.map(({ name }) => name)).toEqual(['KIOS_LIFECYCLE_NODE']);
});

it('has no capability, and nothing of the host but two sockets and two folders to read', () => {
  expect(container.securityContext).toEqual({
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  });
  const mounts = container.volumeMounts.map(({ name, mountPath, readOnly }) => [
    mountPath,
    hostPath(name),
    readOnly ? 'read' : 'write',
  ]);
  expect(mounts).toEqual([
    ['/run/kios/control/shutdown.sock', '/run/kios/control/shutdown.sock', 'write'],
    ['/run/kios/control/console.sock', '/run/kios/control/console.sock', 'write'],
    ['/run/kios/platform', '/run/kios/platform', 'read'],
    ['/run/kios/net', '/run/kios/net', 'read'],
  ]);
});

it('may do what the agent does, and nothing else', () => {
  const Rules = v.object({
    rules: v.array(
      v.object({
        resources: v.array(v.string()),
        resourceNames: v.optional(v.array(v.string())),
        verbs: v.array(v.string()),
      }),
    ),
  });
  const rights = [...ofKind('Role'), ...ofKind('ClusterRole')].flatMap((role) =>
    v
      .parse(Rules, role)
      .rules.map(({ resources, resourceNames = [], verbs }) =>
        [...resources, ...resourceNames, ':', ...verbs].join(' '),
      ),
  );
  expect(rights).toEqual([
    'leases kios-lifecycle : get patch',
    'nodes : get list patch',
    'pods : list',
    'pods/eviction : create',
  ]);
});

it('makes the Lease that the agent looks for', () => {
  const [lease] = ofKind('Lease');
  expect(LEASE_PATH).toBe(
    `/apis/${lease?.apiVersion}/namespaces/${lease?.metadata.namespace}/leases/${lease?.metadata.name}`,
  );
});
