import path from 'node:path';

import { expect, it } from 'vitest';

import { assertManifests } from '../../../../src/build/manifests/check-folder.ts';
import { NO_PERMISSIONS } from '../../../../src/build/manifests/rules/permissions.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const folder = path.join(repository, 'manifests');
const rules = { schemas: {}, policy: { pods: {}, images: [] } };
const text = 'kind: Deployment';

it('accepts a folder without a fault', () => {
  expect(assertManifests(folder, [], rules)).toEqual([]);
});

it('names file, path and cause of the only fault in its message', () => {
  expect(() => assertManifests(folder, [{ name: 'a.yml', text }], rules)).toThrow(
    expect.objectContaining({
      code: 'KIOS_MANIFESTS',
      message: 'use manifests/a.yml: kind: is undefined Deployment, must be v1 Pod',
    }),
  );
});

it('lists several faults, one a line', () => {
  const files = ['a.yaml', 'b.md'].map((name) => ({ name, text }));
  expect(() => assertManifests(folder, files, rules)).toThrow(
    expect.objectContaining({
      message: [
        'use manifests: it has 2 faults',
        'manifests/a.yaml: kind: is undefined Deployment, must be v1 Pod',
        'manifests/b.md: (file name): must end in .yaml or .yml',
      ].join('\n'),
    }),
  );
});

it('returns what a pod that may do everything can do', () => {
  const pods = {
    'kube-system/proxy': { ...NO_PERMISSIONS, privileged: 'balances the API servers' },
  };
  const privileged = `apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: kube-system}
spec:
  automountServiceAccountToken: false
  containers:
    - name: run
      image: example.org/proxy:1
      securityContext: {privileged: true}
      resources: {limits: {memory: 64Mi}}
`;
  const schemas = { 'io.k8s.api.core.v1.Pod': {} };
  const policy = { pods, images: [] };
  expect(
    assertManifests(folder, [{ name: 'proxy.yaml', text: privileged }], { schemas, policy }),
  ).toEqual([
    'the pod kube-system/proxy is root on the node: container run has all capabilities and devices ' +
      '(allowed: balances the API servers)',
  ]);
});
