import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { checkManifests, type Rules } from '../../../../src/build/manifests/check.ts';
import { NO_PERMISSIONS } from '../../../../src/build/manifests/rules/permissions.ts';
import type { Schemas } from '../../../../src/build/manifests/schema.ts';
import { imageName } from '../../../../src/build/shipped.ts';

/** A small part of Kubernetes' own schemas. */
const schemas: Schemas = {
  'io.k8s.api.core.v1.Pod': {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: '#/components/schemas/Meta' }] },
      spec: { allOf: [{ $ref: '#/components/schemas/Spec' }] },
    },
  },
  Meta: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      namespace: { type: 'string' },
      uid: { type: 'string' },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      annotations: { type: 'object', additionalProperties: { type: 'string' } },
    },
  },
  Spec: {
    type: 'object',
    required: ['containers'],
    properties: {
      hostNetwork: { type: 'boolean' },
      automountServiceAccountToken: { type: 'boolean' },
      containers: { type: 'array', items: { $ref: '#/components/schemas/Container' } },
    },
  },
  Container: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string' },
      image: { type: 'string' },
      imagePullPolicy: { type: 'string' },
      securityContext: { type: 'object' },
      resources: { type: 'object' },
      port: { oneOf: [{ type: 'integer' }, { type: 'string' }] },
    },
  },
};

const IMAGE = imageName('dhcp');

const rules: Rules = {
  schemas,
  policy: {
    pods: { 'default/dhcp': { ...NO_PERMISSIONS, capabilities: ['NET_RAW'], root: true } },
    images: [IMAGE],
  },
};

const securityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
  capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
};

const resources = { limits: { memory: '128Mi' } };
const container = { name: 'run', image: IMAGE, securityContext, resources };

const pod = (spec: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'dhcp', ...metadata },
  spec: { automountServiceAccountToken: false, containers: [container], ...spec },
});

const faultsOf = (document: object | string): string[] => {
  const text = typeof document === 'string' ? document : stringify(document);
  return checkManifests([{ name: 'dhcp.yaml', text }], rules).faults.map(
    ({ file, path, cause }) => `${file}: ${path}: ${cause}`,
  );
};

const withContainer = (more: object): object => pod({ containers: [{ ...container, ...more }] });

it('finds no fault in a pod that keeps the rules', () => {
  expect(faultsOf(pod())).toEqual([]);
});

describe('names file, path and cause of', () => {
  it.each<[string, object | string, RegExp]>([
    [
      'a field that does not exist',
      pod({ hostNetwrok: true }),
      /spec\.hostNetwrok: is not a field/,
    ],
    ['a wrong type', pod({ hostNetwork: 'so' }), /spec\.hostNetwork: is string, must be boolean/],
    [
      'a missing field',
      pod({ containers: [{ image: IMAGE, securityContext, resources }] }),
      /spec\.containers\[0\]\.name: is missing/,
    ],
    [
      'a wrong value in a list',
      withContainer({ port: {} }),
      /containers\[0\]\.port: is object, must be integer or string/,
    ],
    ['a label that is no text', pod({}, { labels: { a: 1 } }), /metadata\.labels\.a: is integer/],
    ['another kind', { apiVersion: 'apps/v1', kind: 'Deployment' }, /kind: is apps\/v1 Deployment/],
    ['broken YAML', 'a: [1', /line 1, column \d+: /],
    ['a key given twice', 'a: 1\na: 2', /line 2, column 1: /],
  ])('%s', (_, document, fault) => {
    const faults = faultsOf(document);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^dhcp\.yaml: /);
    expect(faults[0]).toMatch(fault);
  });
});

const file = (name: string) => ({ name, text: stringify(pod()) });

it('accepts two pods with one name in different namespaces, as kubelet does', () => {
  const other = { name: 'b.yaml', text: stringify(pod({}, { name: 'dhcp', namespace: 'other' })) };
  const faults = checkManifests([file('a.yaml'), other], rules).faults;
  expect(faults.filter(({ path }) => path === 'metadata.name')).toEqual([]);
});

it('rejects two pods with one name in one namespace', () => {
  expect(checkManifests([file('a.yaml'), file('b.yaml')], rules).faults).toEqual([
    { file: 'b.yaml', path: 'metadata.name', cause: 'a.yaml has this pod already' },
  ]);
});

it('rejects two files with one name on the node', () => {
  const other = { name: 'a.yml', text: stringify(pod({}, { name: 'other' })) };
  expect(checkManifests([file('a.yaml'), { ...other }], rules).faults).toContainEqual({
    file: 'a.yml',
    path: '(file name)',
    cause: 'a.yaml has the same name on the node',
  });
});

it.each(['README.md', 'dhcp.json', 'dhcp.yaml~', 'yaml'])(
  'rejects %s beside the manifests',
  (name) => {
    expect(checkManifests([{ name, text: '# Text' }, file('a.yml')], rules).faults).toEqual([
      { file: name, path: '(file name)', cause: 'must end in .yaml or .yml' },
    ]);
  },
);
