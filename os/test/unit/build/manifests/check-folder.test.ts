import { expect, it } from 'vitest';

import { refuseFaults } from '../../../../src/build/manifests/check-folder.ts';
import { checkManifests } from '../../../../src/build/manifests/check.ts';
import { NO_PERMISSIONS } from '../../../../src/build/manifests/rules/permissions.ts';

const policy = { pods: {}, images: [] };
const text = 'kind: Deployment';
const refuse = (...names: readonly string[]): readonly string[] =>
  refuseFaults(
    'manifests',
    checkManifests(
      names.map((name) => ({ name, text })),
      { policy, isFolder: true },
    ),
    (file) => `manifests/${file}`,
  );

it('accepts a folder without a fault', () => {
  expect(refuse()).toEqual([]);
});

it('names file, line, path and cause of the only fault in its message', () => {
  expect(() => refuse('a.yml')).toThrow(
    expect.objectContaining({
      code: 'KIOS_MANIFESTS',
      message:
        'use manifests/a.yml:1: kind: is Deployment, must be v1 Pod; kubelet starts pods only',
    }),
  );
});

it('lists several faults, one a line', () => {
  expect(() => refuse('a.yaml', 'b.md')).toThrow(
    expect.objectContaining({
      message: [
        'use manifests: 2 faults',
        'manifests/a.yaml:1: kind: is Deployment, must be v1 Pod; kubelet starts pods only',
        'manifests/b.md: must end in .yaml, .yml, .json, .manifest; rename it or move it away',
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
  const found = checkManifests([{ name: 'proxy.yaml', text: privileged }], {
    policy: { pods, images: [] },
  });
  expect(refuseFaults('manifests', found, (file) => file)).toEqual([
    'the pod kube-system/proxy is root on the node: container run has all capabilities and devices ' +
      '(allowed: balances the API servers)',
  ]);
});
