import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { checkManifests, type Rules } from '../../../../src/build/manifests/check.ts';
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
      port: { oneOf: [{ type: 'integer' }, { type: 'string' }] },
    },
  },
};

const IMAGE = imageName('dhcp');

const rules: Rules = {
  schemas,
  policy: { capabilities: { dhcp: ['NET_RAW'] }, images: [IMAGE] },
};

const securityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
  capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
};

const container = { name: 'run', image: IMAGE, securityContext };

const pod = (spec: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'dhcp', ...metadata },
  spec: { automountServiceAccountToken: false, containers: [container], ...spec },
});

const faultsOf = (document: object | string): string[] => {
  const text = typeof document === 'string' ? document : stringify(document);
  return checkManifests([{ name: 'dhcp.yaml', text }], rules).map(
    ({ file, path, cause }) => `${file}: ${path}: ${cause}`,
  );
};

const withContainer = (more: object): object => pod({ containers: [{ ...container, ...more }] });
const withContext = (more: object): object =>
  withContainer({ securityContext: { ...securityContext, ...more } });

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
    ['a wrong type', pod({ hostNetwork: 'yes' }), /spec\.hostNetwork: is string, must be boolean/],
    [
      'a missing field',
      pod({ containers: [{ image: IMAGE, securityContext }] }),
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
    [
      'an image that does not ship',
      withContainer({ image: imageName('dhpc') }),
      /containers\[0\]\.image: kios\.invalid\/dhpc:[\d.]+ does not ship/,
    ],
    [
      'an image that can never be pulled',
      withContainer({ image: 'example.org/a:1', imagePullPolicy: 'Never' }),
      /forbids pulling/,
    ],
    ['an image without a version', withContainer({ image: 'example.org/a' }), /no fixed version/],
    [
      'a privileged container',
      withContext({ privileged: true }),
      /securityContext\.privileged: must not/,
    ],
    [
      'a capability not allowed',
      withContext({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } }),
      /add\[0\]: SYS_ADMIN is not among/,
    ],
    [
      'capabilities not dropped',
      withContext({ capabilities: {} }),
      /capabilities\.drop: must contain ALL/,
    ],
    [
      'a writable root',
      withContext({ readOnlyRootFilesystem: false }),
      /readOnlyRootFilesystem: must be true/,
    ],
    [
      'a missing system call filter',
      withContext({ seccompProfile: {} }),
      /seccompProfile\.type: must be RuntimeDefault/,
    ],
    ['a uid of its own', pod({}, { uid: 'x' }), /metadata\.uid: must not be set/],
    [
      'an unknown start',
      pod({}, { annotations: { 'kios.dev/start': 'early' } }),
      /annotations\["kios\.dev\/start"\]: must be first/,
    ],
  ])('%s', (_, document, fault) => {
    const faults = faultsOf(document);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^dhcp\.yaml: /);
    expect(faults[0]).toMatch(fault);
  });
});

const file = (name: string) => ({ name, text: stringify(pod()) });

it('rejects two pods with one name', () => {
  expect(checkManifests([file('a.yaml'), file('b.yaml')], rules)).toEqual([
    { file: 'b.yaml', path: 'metadata.name', cause: 'a.yaml has this name already' },
  ]);
});

it('rejects two files with one name on the node', () => {
  const other = { name: 'a.yml', text: stringify(pod({}, { name: 'other' })) };
  expect(checkManifests([file('a.yaml'), { ...other }], rules)).toContainEqual({
    file: 'a.yml',
    path: '(file name)',
    cause: 'a.yaml has the same name on the node',
  });
});

it.each(['README.md', 'dhcp.json', 'dhcp.yaml~', 'yaml'])(
  'rejects %s beside the manifests',
  (name) => {
    expect(checkManifests([{ name, text: '# Text' }, file('a.yml')], rules)).toEqual([
      { file: name, path: '(file name)', cause: 'must end in .yaml or .yml' },
    ]);
  },
);
