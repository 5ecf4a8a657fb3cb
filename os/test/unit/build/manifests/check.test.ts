import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { checkManifests, faultLines, type Rules } from '../../../../src/build/manifests/check.ts';
import type { Verdict } from '../../../../src/build/manifests/kubelet/verdict.ts';
import { NO_PERMISSIONS } from '../../../../src/build/manifests/rules/permissions.ts';
import { imageName } from '../../../../src/build/shipped.ts';

const IMAGE = imageName('dhcp');

const rules: Rules = {
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

const faultsOf = (document: object | string, verdict?: Verdict): string[] => {
  const text = typeof document === 'string' ? document : stringify(document);
  const verdicts = verdict === undefined ? [] : [verdict];
  const found = checkManifests([{ name: 'dhcp.yaml', text }], { ...rules, verdicts });
  return [...faultLines(found, (file) => file)];
};

it('finds no fault in a pod that keeps the rules', () => {
  expect(faultsOf(pod())).toEqual([]);
});

describe('names file, line, path and cause of', () => {
  it.each<[string, object | string, RegExp]>([
    ['another kind', { apiVersion: 'apps/v1', kind: 'Deployment' }, /^dhcp\.yaml:2: kind: is apps\/v1 Deployment, must be v1 Pod; /],
    ['another version', { apiVersion: 'core/v1', kind: 'Pod' }, /^dhcp\.yaml:1: apiVersion: is core\/v1, must be v1$/],
    ['no version', { kind: 'Pod' }, /^dhcp\.yaml:1: apiVersion: is missing or no text, must be v1$/],
    ['no kind', 'metadata: {}', /^dhcp\.yaml:1: kind: is missing, must be v1 Pod/],
    ['a list', '- a', /^dhcp\.yaml:1: is not an object$/],
    ['broken YAML', 'a:\n- [1', /^dhcp\.yaml:2: is not indented deep enough/],
    ['a key given twice', 'a: 1\na: 2', /^dhcp\.yaml:2: repeats a key/],
    ['another encoding', `a: b\nc: \u{FFFD}`, /^dhcp\.yaml:2: is not text in UTF-8; save it/],
    ['a missing field', pod({ containers: [{ ...container, image: undefined }] }), /^dhcp\.yaml:8: spec\.containers\[0\]\.image: is missing$/],
    ['what a policy can allow', pod({ hostPID: true }), /^dhcp\.yaml:\d+: spec\.hostPID: must not be true; os\/manifest-policy\.yaml can allow default\/dhcp/],
  ])('%s', (_, document, fault) => {
    const faults = faultsOf(document);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  }); // prettier-ignore
});

describe('what kubelet says of a pod', () => {
  const value = pod();
  const of = (...faults: Verdict['faults']): Verdict => ({ value, faults });

  it('is worded and placed, once for each path', () => {
    const path = 'spec.containers[0].image';
    const fault = { path, kind: 'FieldValueRequired', detail: '' };
    const { image: _, ...without } = container;
    const document = pod({ containers: [without] });
    expect(faultsOf(document, { value: document, faults: [fault] })).toEqual([
      `dhcp.yaml:8: ${path}: is missing`,
    ]);
  });

  it('is nothing where it takes the pod', () => expect(faultsOf(value, of())).toEqual([]));

  it.each<[string, Verdict, string]>([
    ['that it cannot read it', { unreadable: 'yaml: no', faults: [] }, 'dhcp.yaml:1: cannot be read by kubelet: “yaml: no”'],
    ['that it is no pod', { value, unreadable: 'no', faults: [] }, 'dhcp.yaml:1: cannot be read by kubelet: “no”'],
    ['a tab where its reader wants blanks', { unreadable: 'yaml: line 3: found a tab character that violates indentation', faults: [] }, 'dhcp.yaml:3: has a tab among the blanks before a text; kubelet’s reader of YAML is stricter than others'],
    ['that it refers to an object', { value, refers: 'secrets', faults: [] }, 'dhcp.yaml:5: spec: refers to secrets, which a static pod cannot: kubelet refuses it'],
    ['that it reads another value', { value: { ...value, kind: 'Pods' }, faults: [] }, 'dhcp.yaml:2: kind: is read as another value by kubelet; put it in quotes'],
  ])('is passed on: %s', (_, verdict, line) => {
    expect(faultsOf(value, verdict)).toEqual([line]);
  }); // prettier-ignore
});

it('tells of what is worth knowing with its file, line and path', () => {
  const text = stringify(pod({ automountServiceAccountToken: true }));
  const open = { policy: { ...rules.policy, isOpen: true } };
  expect(checkManifests([{ name: 'a.yaml', text }], open)).toEqual({
    faults: [],
    warnings: ['a.yaml:6: spec.automountServiceAccountToken: has no effect: a static pod has no service account'],
  });
}); // prettier-ignore

const file = (name: string) => ({ name, text: stringify(pod()) });

it('accepts two pods with one name in different namespaces, as kubelet does', () => {
  const other = { name: 'b.yaml', text: stringify(pod({}, { name: 'dhcp', namespace: 'other' })) };
  const faults = checkManifests([file('a.yaml'), other], rules).faults;
  expect(faults.filter(({ path }) => path === 'metadata.name')).toEqual([]);
});

it('rejects two pods with one name in one namespace', () => {
  expect(checkManifests([file('a.yaml'), file('b.yaml')], rules).faults).toEqual([
    { file: 'b.yaml', path: 'metadata.name', line: 4, cause: 'a.yaml has this pod already' },
  ]);
});

it('rejects two files of a folder with one name on the node', () => {
  const other = { name: 'a.json', text: stringify(pod({}, { name: 'other' })) };
  expect(
    checkManifests([file('a.yaml'), other], { ...rules, isFolder: true }).faults,
  ).toContainEqual({
    file: 'a.json',
    path: '',
    cause: 'has the name of a.yaml on the node',
    advice: 'rename one of them',
  });
});

it.each(['README.md', 'dhcp.yaml~', 'dhcp.yaml.bak', 'yaml'])(
  'rejects %s in a folder of manifests',
  (name) => {
    const files = [{ name, text: '# Text' }, file('a.manifest')];
    expect(checkManifests(files, { ...rules, isFolder: true }).faults).toEqual([
      {
        file: name,
        path: '',
        cause: 'must end in .yaml, .yml, .json, .manifest',
        advice: 'rename it or move it away',
      },
    ]);
  },
);

it('takes a file that is named by itself under any name', () => {
  expect(checkManifests([file('/tmp/dhcp.bak')], rules).faults).toEqual([]);
});

const on = (name: string, port: object, hostNetwork = false) => ({
  name: `${name}.yaml`,
  text: stringify(pod({ hostNetwork, containers: [{ ...container, ports: [port] }] }, { name })),
});

describe('of two pods with one port of the host', () => {
  const open = { policy: { ...rules.policy, isOpen: true } };
  const faults = (...files: { name: string; text: string }[]) =>
    faultLines(checkManifests(files, open), (one) => one);

  it('the later is refused, as kubelet does not run it', () => {
    expect(faults(on('a', { containerPort: 80 }, true), on('b', { containerPort: 8080, hostPort: 80 }))).toEqual([
      expect.stringMatching(/^b\.yaml:\d+: spec\.containers\[0\]\.ports\[0\]\.hostPort: a\.yaml takes port 80\/TCP of the host already, so kubelet/),
    ]);
  }); // prettier-ignore

  it.each([
    ['other protocols', { containerPort: 53, hostPort: 53 }, { containerPort: 53, hostPort: 53, protocol: 'UDP' }],
    ['other addresses', { containerPort: 53, hostPort: 53, hostIP: '192.0.2.1' }, { containerPort: 53, hostPort: 53, hostIP: '192.0.2.2' }],
    ['ports of their own', { containerPort: 53 }, { containerPort: 53 }],
  ])('both are accepted with %s', (_, one, other) => {
    expect(faults(on('a', one), on('b', other))).toEqual([]);
  }); // prettier-ignore

  it('each address has the port of one', () => {
    const one = on('a', { containerPort: 53, hostPort: 53, hostIP: '0.0.0.0' });
    const other = on('b', { containerPort: 53, hostPort: 53, hostIP: '192.0.2.2' });
    expect(faults(one, other)).toHaveLength(1);
  });
});
