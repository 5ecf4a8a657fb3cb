import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { buildImage } from '../../src/build/image/build-image.ts';
import { readCheckedManifests } from '../../src/build/manifests/check-folder.ts';
import { checkManifests, faultLines } from '../../src/build/manifests/check.ts';
import { askKubelet } from '../../src/build/manifests/kubelet/judge.ts';
import type { Verdict } from '../../src/build/manifests/kubelet/verdict.ts';
import { WORDED } from '../../src/build/manifests/kubelet/words.ts';
import { parseManifest, withoutNulls } from '../../src/build/manifests/parse.ts';
import { readManifests } from '../../src/build/manifests/read.ts';
import { NO_PERMISSIONS } from '../../src/build/manifests/rules/permissions.ts';
import { ensureGo } from '../../src/build/sources/upstream/go-toolchain.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';

/** Compiles Kubernetes' validation when nothing is cached. */
const COMPILE_MS = 1_800_000;

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-manifests-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** What kubelet makes of every text below, asked at once. */
const verdicts = new Map<string, Verdict>();

/** What is said of one file by everything but the policy. */
function faultsOf(name: string, text: string): readonly string[] {
  const verdict = verdicts.get(text);
  if (verdict === undefined) throw new Error(`nobody asked about ${name}`);
  const policy = { pods: {}, images: [], isOpen: true };
  const found = checkManifests([{ name, text }], { policy, verdicts: [verdict] });
  return faultLines(found, (file) => file);
}

const container = { name: 'run', image: 'example.org/a:1' };
const pod = (spec: object, metadata: object = {}): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', ...metadata },
    spec: { containers: [container], ...spec },
  });
const withContainer = (more: object): string => pod({ containers: [{ ...container, ...more }] });
const withVolume = (volume: object, mount: object = {}): string =>
  pod({
    containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] }],
    volumes: [{ name: 'v', ...volume }],
  });

const LABEL = 'lower-case letters, digits and -, at most 63 characters';
const REFUSED: [string, string, string][] = [
  ['no name', pod({}, { name: undefined }), 'metadata.name: is missing'],
  ['a name that is none', pod({}, { name: 'My_Pod' }), 'metadata.name: is "My_Pod", must be lower-case letters, digits, - and ., at most 253 characters'],
  ['a namespace that is none', pod({}, { namespace: 'Kube System' }), `metadata.namespace: is "Kube System", must be ${LABEL}`],
  ['a label that is none', pod({}, { labels: { a: 'b c' } }), 'metadata.labels: is "b c", must be letters, digits, -, _ and ., at most 63 characters'],
  ['an unknown restart policy', pod({ restartPolicy: 'Sometimes' }), 'spec.restartPolicy: is "Sometimes", must be one of Always, Never, OnFailure'],
  ['an unknown DNS policy', pod({ dnsPolicy: 'Host' }), 'spec.dnsPolicy: is "Host", must be one of ClusterFirst, ClusterFirstWithHostNet, Default, None'],
  ['an unknown pull policy', withContainer({ imagePullPolicy: 'Allways' }), 'spec.containers[0].imagePullPolicy: is "Allways", must be one of Always, IfNotPresent, Never'],
  ['no container', pod({ containers: [] }), 'spec.containers: is empty'],
  ['no container field', pod({ containers: undefined }), 'spec.containers: is missing'],
  ['no image', withContainer({ image: undefined }), 'spec.containers[0].image: is missing'],
  ['a name that is none of a container', withContainer({ name: 'My_Container' }), `spec.containers[0].name: is "My_Container", must be ${LABEL}`],
  ['two containers of one name', pod({ initContainers: [container] }), 'spec.initContainers[0].name: is "run", which another one has already'],
  ['two volumes of one name', pod({ volumes: [{ name: 'v', emptyDir: {} }, { name: 'v', emptyDir: {} }] }), 'spec.volumes[1].name: is "v", which another one has already'],
  ['a volume that is not there', withVolume({ emptyDir: {} }, { name: 'w' }), 'spec.containers[0].volumeMounts[0].name: is "w", which is no volume of the pod'],
  ['two sources of a volume', withVolume({ emptyDir: {}, nfs: { server: 'a', path: '/' } }), 'spec.volumes[0].nfs: is a second source of its volume'],
  ['a port out of range', withContainer({ ports: [{ containerPort: 99_999 }] }), 'spec.containers[0].ports[0].containerPort: is 99999, must be from 1 to 65535'],
  ['another port in the host’s network', pod({ hostNetwork: true, containers: [{ ...container, ports: [{ containerPort: 80, hostPort: 8080 }] }] }), 'spec.containers[0].ports[0].hostPort: is 8080, must equal containerPort in the host’s network'],
  ['an unknown protocol', withContainer({ ports: [{ containerPort: 1, protocol: 'tcp' }] }), 'spec.containers[0].ports[0].protocol: is "tcp", must be one of SCTP, TCP, UDP'],
  ['an amount that is none', withContainer({ resources: { limits: { memory: '64Gb' } } }), 'spec.containers[0].resources.limits[memory]: is "64Gb", must be a quantity such as 128Mi'],
  ['a limit below the request', withContainer({ resources: { requests: { cpu: 2 }, limits: { cpu: 1 } } }), 'spec.containers[0].resources.requests: has more cpu than the limit of 1'],
  ['an unknown kind of path', withVolume({ hostPath: { path: '/a', type: 'directory' } }), 'spec.volumes[0].hostPath.type: is "directory", must be one of '],
  ['a path with ..', withVolume({ hostPath: { path: '/a/../b' } }), 'spec.volumes[0].hostPath.path: /a/../b must be an absolute path without'],
  ['two mounts at one place', pod({ containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', emptyDir: {} }] }), 'spec.containers[0].volumeMounts[1].mountPath: is the place of another mount already'],
  ['a mode that is none', withVolume({ downwardAPI: { defaultMode: 644 } }), 'spec.volumes[0].downwardAPI.defaultMode: is 644, must be a mode from 0 to 0777'],
  ['a probe of two ways', withContainer({ livenessProbe: { exec: { command: ['a'] }, tcpSocket: { port: 1 } } }), 'spec.containers[0].livenessProbe.tcpSocket: is a second way of its probe or hook'],
  ['a probe of an init container', pod({ initContainers: [{ name: 'i', image: 'example.org/a:1', livenessProbe: { tcpSocket: { port: 1 } } }] }), 'spec.initContainers[0].livenessProbe: must not be set: an init container without restartPolicy Always runs once'],
  ['an ephemeral container', pod({ ephemeralContainers: [{ ...container, name: 'e' }] }), 'spec.ephemeralContainers: must be empty: only a running pod gets them'],
  ['a field that does not exist', pod({ hostNetwrok: true }), 'spec.hostNetwrok: is not a field of this object; the nearest is hostNetwork'],
  ['a field in other letters', withContainer({ imagepullpolicy: 'Never' }), 'spec.containers[0].imagepullpolicy: is not a field of this object; the nearest is imagePullPolicy'],
  ['a wrong type', pod({ hostNetwork: 'so' }), 'spec.hostNetwork: is string, must be boolean'],
  ['a label that is no text', pod({}, { labels: { a: 1 } }), 'metadata.labels[a]: is integer, must be string'],
  ['a list that is none', withContainer({ args: 'run' }), 'spec.containers[0].args: is string, must be list'],
  ['an object that is none', withContainer({ ports: [80] }), 'spec.containers[0].ports[0]: is integer, must be object'],
  ['a value for the environment that is no text', withContainer({ env: [{ name: 'A', value: true }] }), 'spec.containers[0].env[0].value: is boolean, must be string'],
  ['a time that is none', pod({}, { creationTimestamp: 'now' }), 'metadata.creationTimestamp: is "now", must be a time such as 2026-01-02T03:04:05Z'],
  ['a port’s name in capitals', withContainer({ ports: [{ name: 'Web_Port', containerPort: 80 }] }), 'spec.containers[0].ports[0].name: is "Web_Port", must be lower-case letters, digits and -, at most 15 characters, with a letter'],
  ['a port in quotes', withContainer({ livenessProbe: { httpGet: { port: '80' } } }), 'spec.containers[0].livenessProbe.httpGet.port: is "80", must be lower-case letters, digits and -'],
  ['a key of a label that is none', pod({}, { labels: { 'a/b/c': 'd' } }), 'metadata.labels: has a key that is not a name such as app or example.org/app'],
  ['a resource that is none', withContainer({ resources: { limits: { cpus: 1 } } }), 'spec.containers[0].resources.limits[cpus]: is not the name of a resource'],
  ['a field that a pod does not offer', withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.hostIp' } } }] }), 'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: is "status.hostIp", must be a field that a pod offers'],
  ['two sources of a variable', withContainer({ env: [{ name: 'A', value: 'a', valueFrom: { fieldRef: { fieldPath: 'status.hostIP' } } }] }), 'spec.containers[0].env[0].valueFrom: is a second source beside value'],
  ['four resolvers', pod({ dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'] } }), 'spec.dnsConfig.nameservers: must have at most 3 nameservers'],
  ['rights and none', withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }), 'spec.containers[0].securityContext: has allowPrivilegeEscalation: false beside privileged: true'],
  ['mounts for the host without rights', withVolume({ hostPath: { path: '/mnt' } }, { mountPropagation: 'Bidirectional' }), 'spec.containers[0].volumeMounts.mountPropagation: must not be Bidirectional without securityContext.privileged: true'],
  ['gates of a scheduler', pod({ schedulingGates: [{ name: 'a' }] }), 'spec.nodeName: is the node’s own, so the pod must not have schedulingGates'],
  ['a user namespace in the host’s network', pod({ hostUsers: false, hostNetwork: true }), 'spec.hostNetwork: must not be set beside hostUsers: false'],
  ['one process namespace beside the host’s', pod({ hostPID: true, shareProcessNamespace: true }), 'spec.shareProcessNamespace: is true, must not be true beside hostPID'],
  ['a setting in the host’s network', pod({ hostNetwork: true, securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] } }), 'spec.securityContext.sysctls[0].name: is "net.ipv4.tcp_syncookies", must not be set in the host’s network'],
  ['huge pages alone', withContainer({ resources: { limits: { 'hugepages-2Mi': '4Mi' } } }), 'spec.containers[0].resources: has huge pages, and must have cpu or memory too'],
  ['a signal without a system', withContainer({ lifecycle: { stopSignal: 'SIGTERM' } }), 'spec.containers[0].lifecycle.stopSignal: must not be set without spec.os.name: linux'],
  ['a readiness probe that ends the container', withContainer({ readinessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 5 } }), 'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: is 5, must not be set for a readiness probe'],
  ['a liveness probe that must succeed often', withContainer({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 3 } }), 'spec.containers[0].livenessProbe.successThreshold: is 3, must be 1'],
  ['a toleration of each value', pod({ tolerations: [{ operator: 'Exists', key: 'a', value: 'b' }] }), 'spec.tolerations[0].operator: is "Exists", must be Equal beside a value'],
  ['a subdomain with dots', pod({ hostname: 'a', subdomain: 'b.c' }), 'spec.subdomain: is "b.c", must not contain dots'],
  ['a secret', withContainer({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }] }), 'spec.containers[0].env[0].valueFrom.secretKeyRef: refers to a Secret, which a static pod cannot: kubelet refuses it; mount a file of the host'],
]; // prettier-ignore

describe('kubelet refuses', () => {
  it.each(REFUSED)('%s', (_, text, fault) => {
    const faults = faultsOf('a.yaml', text);
    expect(faults).toEqual([expect.stringMatching(/^a\.yaml:\d+: /)]);
    expect(faults[0]).toContain(`: ${fault}`);
    // Nothing is said in Kubernetes' own words.
    expect(faults[0]).not.toContain('“');
  });
});

const MANY = `apiVersion: v1
kind: Pod
metadata: {name: My_Pod, namespace: Kube System}
spec:
  restartPolicy: Sometimes
  dnsPolicy: Host
  containers:
    - name: My_Container
      image: example.org/nginx:1
      imagePullPolicy: Allways
      ports: [{containerPort: 80, hostPort: 8080}, {containerPort: 99999}]
      resources: {requests: {cpu: 2, memory: 64Gb}, limits: {cpu: 1}}
      volumeMounts: [{name: nowhere, mountPath: /path}]
    - name: My_Container
      image: example.org/nginx:1
  volumes:
    - {name: v, hostPath: {path: /a/../b, type: directory}}
    - {name: v, emptyDir: {}}
`;

it('names all faults of a pod at once, each with its line', () => {
  const lines = faultsOf('a.yaml', MANY).map((line) => Number(line.split(':')[1]));
  expect(lines.toSorted((a, b) => a - b)).toEqual([3, 3, 5, 6, 8, 10, 11, 12, 12, 13, 14, 17, 17]);
}); // prettier-ignore

/** Texts that a reader of YAML can take in several ways. */
const DIALECT: [string, string][] = [
  ['octal modes', 'a: 0400\nb: 0o400\nc: "0400"\nd: 08\ne: 0x1F\nf: 0b11'],
  ['bools', 'a: [yes, No, ON, off, y, n, true, "yes", True, FALSE]'],
  ['numbers', 'a: [1_000, 1.5, 1e3, .5, +1, -0, 12e03, 1.0, 0x_1F]'],
  ['base 60', 'a: 12:30:45\nb: 190:20'],
  ['dates', 'a: 2026-01-02\nb: 2026-01-02T03:04:05Z'],
  ['null', 'a: null\nb: ~\nc:\nd: [null, {e: ~}]'],
  ['merge keys', 'a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {y: 4, <<: [*a, {x: 9, z: 5}]}'],
  ['keys that are no text', '1: a\ntrue: b\n1.5: c'],
  ['block texts', 'a: |\n  x\n   y\nb: >-\n  x\n  y\nc: |+\n  x\n\n'],
  ['quotes', `a: 'it''s'\nb: "\\x41\\n\\u00e9"\nc: "a\n  b"`],
  ['separators', '---\na: 1\n---\n'],
  ['an end', 'a: 1\n...\n'],
  ['comments first', '# a\n---\na: 1 # b\n'],
  ['a byte order mark', '\u{FEFF}a: 1\n'],
  ['line ends of DOS', 'a: 1\r\nb:\r\n- 2\r\n'],
  ['line ends of an old Macintosh', 'a: 1\rb:\r- 2\r'],
  ['braces behind a byte order mark', '\u{FEFF}{a: 1}'],
  ['its own version', '%YAML 1.1\n---\na: 0400'],
  ['JSON with tabs', '{"a":\t[1,\n\t2.50, true, null, "\\u00e9"]}'],
  ['an empty object', 'a: {}\nb: []\nc: ""'],
]; // prettier-ignore

it.each(DIALECT)('reads %s as kubelet does', (_, text) => {
  const verdict = verdicts.get(text);
  expect(parseManifest(text)).toMatchObject({ value: withoutNulls(verdict?.value) });
  expect(verdict?.value).toBeDefined();
});

const BROKEN: [string, string][] = [
  ['broken YAML', 'a: [1'],
  ['a tab', 'a:\n\t- 1'],
  ['an anchor that nobody set', 'a: *b'],
  ['braces that are not JSON', '{kind: Pod}'],
  ['JSON with a separator behind it', '{"a": 1}\n---\n'],
  ['two objects of JSON', '{"a": 1}{"b": 1}'],
  ['a template', 'a: {{ name }}'],
  ['a list as a key', '? [a]\n: b'],
  ['an empty key', '~: a'],
  ['a merge key without an object', 'a: {<<: b}'],
  ['a merge key with null', 'a: {<<: ~}'],
  ['a merge key with an alias of a list', 'a: &a [{b: 1}]\nc: {<<: *a}'],
  ['infinity', 'a: .inf'],
  ['a control character', 'a: b\u0007'],
  ['another version of YAML', '%YAML 1.2\n---\na: 1'],
];

it.each(BROKEN)('refuses %s, as kubelet does', (_, text) => {
  const verdict = verdicts.get(text);
  expect(verdict?.value).toBeUndefined();
  expect(parseManifest(text).faults).toHaveLength(1);
});

it('has words for every kind of fault of Kubernetes’ validation', async () => {
  const go = await ensureGo(silent);
  const module = path.join(repository, 'os/upstream/kubernetes');
  const folder = await run(go, ['list', '-m', '-f', '{{.Dir}}', 'k8s.io/apimachinery'], { cwd: module });
  const source = await readFile(path.join(folder.trim(), 'pkg/util/validation/field/errors.go'), 'utf8');
  const kinds = [...source.matchAll(/\bErrorType = "(\w+)"/g)].map(([, kind]) => kind);
  expect(kinds.length).toBeGreaterThan(10);
  expect(kinds.filter((kind) => kind === undefined || !WORDED.includes(kind))).toEqual([]);
}); // prettier-ignore

/** Public manifests by their shape, and what is right to say of them. */
const PUBLIC: Readonly<Record<string, readonly string[]>> = {
  'cloudflared.yaml': [
    'cloudflared.yaml:13: spec.containers[0].env[0].valueFrom.secretKeyRef: refers to a Secret, which a static pod cannot',
  ],
  'etcd.yaml': [],
  'haproxy.yml': [],
  'keepalived.yaml': [],
  'konnectivity-agent.yaml': [
    'konnectivity-agent.yaml:16: spec.volumes[0].projected.sources[0].serviceAccountToken: refers to a ServiceAccount',
  ],
  'kube-apiserver.json': [],
  'kube-vip.yaml': [],
  'nginx-proxy.manifest': [],
  'node-exporter.yaml': [],
  'tailscale.yaml': [
    'tailscale.yaml:6: spec.serviceAccountName: refers to a ServiceAccount',
    'tailscale.yaml:13: spec.containers[0].env[1].valueFrom.secretKeyRef: refers to a Secret',
  ],
};

const publicPods = await readManifests(path.join(repository, 'os/test/integration/vectors/pods'));

beforeAll(async () => {
  const all = [
    ...[...REFUSED, ...DIALECT, ...BROKEN].map(([, text]) => text),
    MANY,
    ...publicPods.map(({ text }) => text),
  ].map((text) => ({ name: 'a', text }));
  for (const [index, verdict] of (await askKubelet(all, silent)).entries())
    verdicts.set(all[index]?.text ?? '', verdict);
}, COMPILE_MS);

describe('of public pods', () => {
  it('there are all', () =>
    expect(publicPods.map(({ name }) => name)).toEqual(Object.keys(PUBLIC)));

  it.each(publicPods)('$name passes or gets the right fault', ({ name, text }) => {
    const faults = faultsOf(name, text);
    const wanted = PUBLIC[name] ?? [];
    expect(faults).toHaveLength(wanted.length);
    for (const [index, fault] of wanted.entries()) expect(faults[index]).toContain(fault);
  });

  it('what needs all rights is allowed by one entry, and the check says what it can do', () => {
    const privileged = { ...NO_PERMISSIONS, privileged: 'a test' };
    const pods = { 'kube-system/nginx-proxy': privileged, 'kube-system/kube-vip': privileged };
    const own = publicPods.filter(({ name }) => /nginx|kube-vip/.test(name));
    const found = checkManifests(own, {
      policy: { pods, images: [] },
      verdicts: own.flatMap(({ text }) => verdicts.get(text) ?? []),
    });
    // The public nginx-proxy has a class without its number, which kubelet does not derive.
    expect(found.faults.map(({ path: field }) => field)).toEqual(['spec.priority']);
    expect(found.warnings).toEqual([
      expect.stringMatching(/kube-vip is root on the node: .*NET_ADMIN.*\(allowed: a test\)$/),
      expect.stringMatching(/nginx-proxy is root on the node: .*all capabilities and devices.*\(allowed: a test\)$/),
    ]); // prettier-ignore
  });
});

it.each(['manifests', 'bench/manifests'])('the pods of %s have no fault', async (folder) => {
  expect(await readCheckedManifests(silent, path.join(repository, folder))).not.toEqual([]);
});

it('a build stops at a fault of a manifest and makes nothing', { timeout: 300_000 }, async () => {
  const [manifests, out] = [path.join(dir, 'manifests'), path.join(dir, 'out')];
  const file = path.join(await mkdtemp(manifests), 'bad.yml');
  await writeFile(file, 'apiVersion: apps/v1\nkind: Deployment\n');
  const request = { arch: 'amd64', progress: silent, manifests: path.dirname(file), out } as const;
  const fault = /^use .*bad\.yml:2: kind: is apps\/v1 Deployment/;
  await expect(buildImage(request)).rejects.toThrow(fault);
  expect(await readdir(out)).toEqual(['.lock']);
});
