import { describe, expect, it } from 'vitest';

import { faultLine } from '../../../../src/build/manifests/fault.ts';
import {
  NO_PERMISSIONS,
  type Permissions,
} from '../../../../src/build/manifests/rules/permissions.ts';
import { judge } from '../../../../src/build/manifests/rules/pod-faults.ts';
import { imageName } from '../../../../src/build/shipped.ts';

const IMAGE = imageName('dhcp');

const securityContext = {
  runAsUser: 1000,
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  seccompProfile: { type: 'RuntimeDefault' },
  capabilities: { drop: ['ALL'] },
};

const container = {
  name: 'run',
  image: IMAGE,
  securityContext,
  resources: { requests: { cpu: '20m', memory: '48Mi' }, limits: { memory: '128Mi' } },
};

interface Document {
  readonly [field: string]: unknown;
}

/** A pod that keeps every rule without any permission. */
const pod = (spec: object = {}, metadata: object = {}): Document => ({
  metadata: { name: 'a', namespace: 'kube-system', ...metadata },
  spec: { automountServiceAccountToken: false, containers: [container], ...spec },
});

const withContainer = (more: object): Document => pod({ containers: [{ ...container, ...more }] });
const withContext = (more: object): Document =>
  withContainer({ securityContext: { ...securityContext, ...more } });
const withPort = (port: object): Document => withContainer({ ports: [port] });
/** A pod with a volume, mounted by a container of the list. */
const withVolume = (volume: object, mount: object = {}, list = 'containers'): Document => {
  const volumeMounts = [{ name: 'v', mountPath: '/v', ...mount }];
  const own = { [list]: [{ ...container, name: 'own', volumeMounts }] };
  return pod({ ...own, volumes: [{ name: 'v', ...volume }] });
};
const withHostPath = (path: string, mount?: object, list?: string): Document =>
  withVolume({ hostPath: { path, type: 'Directory' } }, mount, list);

const verdictOf = (document: Document, allowed: Partial<Permissions> = {}) => {
  const pods = { 'kube-system/a': { ...NO_PERMISSIONS, ...allowed } };
  return judge(document, { pods, images: [IMAGE] });
};
const faultsOf = (document: Document, allowed?: Partial<Permissions>): string[] =>
  verdictOf(document, allowed).faults.map((fault) => faultLine('a', fault).slice('a: '.length));

it('finds no fault in a pod that keeps the rules', () => {
  expect(verdictOf(pod())).toEqual({ faults: [], warning: undefined, notes: [] });
});

const ANY = { privileged: 'a test' };
const readOnly = { readOnly: true };
const sysctls = [{ name: 'net.core.somaxconn', value: '1' }];

const PERMITTED: [string, Document, RegExp, Partial<Permissions>][] = [
  ['the host’s network', pod({ hostNetwork: true }), /^spec\.hostNetwork: must/, { hostNetwork: true }],
  ['the host’s processes', pod({ hostPID: true }), /^spec\.hostPID: must/, { hostPID: true }],
  ['the host’s memory', pod({ hostIPC: true }), /^spec\.hostIPC: must/, { hostIPC: true }],
  ['one process namespace', pod({ shareProcessNamespace: true }), /^spec\.shareProcessNamespace: /, { shareProcessNamespace: true }],
  ['a kernel setting', pod({ securityContext: { sysctls } }), /sysctls\[0\]: net\.core\.somaxconn must/, { sysctls: ['net.core.somaxconn'] }],
  ['a path to read', withHostPath('/etc', readOnly), /hostPath\.path: \/etc must .*\{hostPaths: \{\/etc: read\}\}$/, { hostPaths: { '/etc': 'read' } }],
  ['a path to write', withHostPath('/etc'), /hostPath\.path: \/etc must .*\{hostPaths: \{\/etc: write\}\}$/, { hostPaths: { '/etc': 'write' } }],
  ['a path for an init container', withHostPath('/etc', {}, 'initContainers'), /\{\/etc: write\}/, { hostPaths: { '/etc': 'write' } }],
  ['a path that nothing mounts', pod({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }), /hostPath\.path: \/ must/, { hostPaths: { '/': 'read' } }],
  ['a port of the host', withPort({ containerPort: 80, hostPort: 8080 }), /ports\[0\]\.hostPort: 8080 must/, { hostPorts: [8080] }],
  ['a capability', withContext({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }), /capabilities\.add\[0\]: NET_RAW must/, { capabilities: ['NET_RAW'] }],
  ['a capability in small letters', withContext({ capabilities: { drop: ['all'], add: ['net_raw'] } }), /add\[0\]: NET_RAW must/, { capabilities: ['NET_RAW'] }],
  ['every capability', withContext({ capabilities: { drop: ['ALL'], add: ['ALL'] } }), /add\[0\]: ALL must .*\{privileged: true/, ANY],
  ['uid 0', withContext({ runAsUser: 0 }), /securityContext\.runAsUser: must not be 0/, { root: true }],
  ['an unknown uid', withContext({ runAsUser: undefined }), /runAsUser: must be set, or runAsNonRoot/, { root: true }],
  ['a writable root', withContext({ readOnlyRootFilesystem: false }), /readOnlyRootFilesystem: must be true/, { writableRoot: true }],
  ['no limit of memory', withContainer({ resources: {} }), /resources\.limits\.memory: is missing/, { unlimitedMemory: ['run'] }],
  ['a limit of nothing', withContainer({ resources: { limits: { memory: 0 } } }), /limits\.memory: is missing/, { unlimitedMemory: ['run'] }],
  ['a container with all rights', withContext({ privileged: true }), /securityContext\.privileged: must not/, ANY],
  ['programs with set-uid', withContext({ allowPrivilegeEscalation: undefined }), /allowPrivilegeEscalation: must be false/, ANY],
  ['default capabilities', withContext({ capabilities: {} }), /capabilities\.drop: must contain ALL/, ANY],
  ['no system call filter', withContext({ seccompProfile: undefined }), /seccompProfile\.type: must be/, ANY],
  ['an unconfined filter', withContext({ seccompProfile: { type: 'Unconfined' } }), /seccompProfile\.type: must be/, ANY],
  ['all of /proc', withContext({ procMount: 'Unmasked' }), /procMount: must be Default/, ANY],
  ['mounts on the host', withVolume({ emptyDir: {} }, { mountPropagation: 'Bidirectional' }), /volumeMounts\[0\]\.mountPropagation: must/, ANY],
]; // prettier-ignore

it.each(PERMITTED)(
  'refuses %s, and accepts it with the permission',
  (_, document, fault, permission) => {
    const faults = faultsOf(document);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
    expect(faults[0]).toMatch(/; os\/manifest-policy\.yaml can allow kube-system\/a: \{.+\}$/);
    expect(faultsOf(document, permission)).toEqual([]);
  },
);

it('lets a pod that may read a path not write it', () => {
  const [fault, ...others] = faultsOf(withHostPath('/etc'), { hostPaths: { '/etc': 'read' } });
  expect(others).toEqual([]);
  expect(fault).toMatch(
    /^spec\.containers\[0\]\.volumeMounts\[0\]\.readOnly: must be true for \/etc/,
  );
});

it('does not give a folder with its parent, nor a pod what another one has', () => {
  expect(faultsOf(withHostPath('/etc/kios'), { hostPaths: { '/etc': 'write' } })).toHaveLength(1);
  const other = { 'default/a': { ...NO_PERMISSIONS, hostPID: true } };
  expect(judge(pod({ hostPID: true }), { pods: other, images: [IMAGE] }).faults).toHaveLength(1);
});

it('counts each port of a pod in the host’s network as one of the host', () => {
  const document = pod({
    hostNetwork: true,
    containers: [{ ...container, ports: [{ containerPort: 80 }] }],
  });
  expect(faultsOf(document, { hostNetwork: true })).toEqual([
    expect.stringMatching(/ports\[0\]\.hostPort: 80 must not be a port of the host/),
  ]);
});

it('accepts uid 0 in a user namespace of the pod’s own', () => {
  const containers = [{ ...container, securityContext: { ...securityContext, runAsUser: 0 } }];
  expect(faultsOf(pod({ containers, hostUsers: false }))).toEqual([]);
});

const valueFrom = { secretKeyRef: { name: 'a', key: 'b' } };
const projected = { sources: [{ serviceAccountToken: { path: 'token' } }] };

const REFUSED: [string, Document, RegExp][] = [
  ['an image that does not ship', withContainer({ image: imageName('dhpc') }), /image: kios\.invalid\/dhpc:[\d.]+ does not ship/],
  ['a shipped image by a digest of the user’s', withContainer({ image: `${IMAGE}@sha256:${'0'.repeat(64)}` }), /does not ship/],
  ['an image that can never be pulled', withContainer({ image: 'example.org/a:1', imagePullPolicy: 'Never' }), /forbids pulling/],
  ['an image without a version', withContainer({ image: 'example.org/a' }), /image: example\.org\/a has no fixed version/],
  ['a name that is none of an image', withContainer({ image: 'NGINX:1.28' }), /image: "NGINX:1\.28" is no image/],
  ['a container without an image', withContainer({ image: undefined }), /image: is missing/],
  ['an unknown image of a volume', withVolume({ image: { reference: imageName('x') } }), /volumes\[0\]\.image\.reference: .* does not ship/],
  ['a token of an account', pod({ automountServiceAccountToken: true }), /automountServiceAccountToken: must not be true/],
  ['an account', pod({ serviceAccountName: 'a' }), /serviceAccountName: refers to a ServiceAccount/],
  ['a token in a volume', withVolume({ projected }), /projected\.sources\[0\]\.serviceAccountToken: refers to/],
  ['a secret in a volume', withVolume({ secret: { secretName: 'a' } }), /volumes\[0\]\.secret: refers to a Secret/],
  ['a secret of a volume', withVolume({ flexVolume: { driver: 'a/b', secretRef: { name: 'a' } } }), /flexVolume\.secretRef: refers to a Secret/],
  ['a claim', withVolume({ persistentVolumeClaim: { claimName: 'a' } }), /persistentVolumeClaim: refers to/],
  ['a block device', withContainer({ volumeDevices: [{ name: 'a', devicePath: '/dev/a' }] }), /volumeDevices: refers to/],
  ['a secret in the environment', withContainer({ env: [{ name: 'A', valueFrom }] }), /env\[0\]\.valueFrom\.secretKeyRef: refers to a Secret/],
  ['settings from the cluster', withContainer({ envFrom: [{ configMapRef: { name: 'a' } }] }), /envFrom\[0\]\.configMapRef: refers to a ConfigMap/],
  ['a secret for pulling', pod({ imagePullSecrets: [{ name: 'a' }] }), /imagePullSecrets: refers to a Secret/],
  ['a resource claim', pod({ resourceClaims: [{ name: 'a' }] }), /resourceClaims: refers to/],
  ['an ephemeral container', pod({ ephemeralContainers: [{ ...container, name: 'e' }] }), /ephemeralContainers: must be empty/],
  ['SELinux', withContext({ seLinuxOptions: { type: 'spc_t' } }), /seLinuxOptions: must not be set/],
  ['AppArmor', withContext({ appArmorProfile: { type: 'Unconfined' } }), /appArmorProfile: must not be set/],
  ['AppArmor in an annotation', pod({}, { annotations: { 'container.apparmor.security.beta.kubernetes.io/run': 'unconfined' } }), /must not be set: the node has no AppArmor/],
  ['a profile of AppArmor', withContext({ appArmorProfile: { type: 'RuntimeDefault' } }), /appArmorProfile: must not be set/],
  ['a static pod as kubectl shows it', pod({}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }), /annotations\["kubernetes\.io\/config\.mirror"\]: must not be set/],
  ['a pod that is being deleted', pod({}, { deletionTimestamp: '2026-01-02T03:04:05Z' }), /deletionTimestamp: must not be set/],
  ['a probe of another host', withContainer({ livenessProbe: { httpGet: { host: '192.0.2.1', port: 80 } } }), /livenessProbe\.httpGet\.host: must not/],
  ['a hook to another host', withContainer({ lifecycle: { preStop: { tcpSocket: { host: '192.0.2.1', port: 80 } } } }), /lifecycle\.preStop\.tcpSocket\.host: must not/],
  ['a path with ..', withHostPath('/a/../b'), /hostPath\.path: \/a\/\.\.\/b must be an absolute path/],
  ['a path without a / before it', withHostPath('etc'), /hostPath\.path: etc must be an absolute path/],
  ['an empty path', withHostPath(''), /hostPath\.path: is empty and must be an absolute path/],
  ['Windows', pod({ os: { name: 'windows' } }), /^spec\.os\.name: is windows, so kubelet does not run the pod/],
  ['a node of Windows', pod({ nodeSelector: { 'kubernetes.io/os': 'windows' } }), /^spec\.nodeSelector\[kubernetes\.io\/os\]: is "windows", and a node has only linux/],
  ['an architecture that is not built', pod({ nodeSelector: { 'kubernetes.io/arch': 's390x' } }), /has only amd64 or arm64$/],
  ['a volume of a plugin that is gone', withVolume({ rbd: { monitors: ['a'], image: 'b' } }), /volumes\[0\]\.rbd: is a volume that kubelet does not know any more/],
  ['a repository as a volume', withVolume({ gitRepo: { repository: 'https://git.example/a' } }), /volumes\[0\]\.gitRepo: is a volume that kubelet does not fill any more/],
  ['iSCSI', withVolume({ iscsi: { targetPortal: '192.0.2.1', iqn: 'iqn.2001-04.com.example:a', lun: 0 } }), /volumes\[0\]\.iscsi: needs iscsiadm on the host/],
  ['a memory of less than a byte', withContainer({ resources: { limits: { memory: '128m' } } }), /limits\.memory: is 128m, in which no container starts; write megabytes as 128M/],
  ['a memory of half a kilobyte', withContainer({ resources: { limits: { memory: 512 } } }), /limits\.memory: is 512, in which/],
  ['a probe of a port without this name', withContainer({ ports: [{ name: 'http', containerPort: 80 }], livenessProbe: { httpGet: { port: 'metrics' } } }), /livenessProbe\.httpGet\.port: is "metrics", which is the name of no port/],
  ['a capability with the kernel’s prefix', withContext({ capabilities: { drop: ['ALL'], add: ['CAP_NET_RAW'] } }), /add\[0\]: CAP_NET_RAW is not a capability; they are written as NET_ADMIN/],
  ['a capability that does not exist', withContext({ capabilities: { drop: ['ALL'], add: ['NET_ADMINN'] } }), /add\[0\]: NET_ADMINN is not a capability/],
  ['a path that ends in /', withHostPath('/etc/'), /hostPath\.path: \/etc\/ must be/],
  ['a uid of its own', pod({}, { uid: 'x' }), /metadata\.uid: must not be set/],
  ['an unknown start', pod({}, { annotations: { 'kios.dev/start': 'early' } }), /annotations\["kios\.dev\/start"\]: must be first or grown/],
  ['a class without its number', pod({ priorityClassName: 'system-node-critical' }), /^spec\.priority: must be 2000001000, the number of system-node-critical/],
  ['a class with the number of another one', pod({ priorityClassName: 'system-cluster-critical', priority: 2_000_001_000 }), /^spec\.priority: must be 2000000000/],
  ['a number without its class', pod({ priority: 2_000_001_000 }), /^spec\.priorityClassName: must be system-node-critical/],
  ['a number that no class has', pod({ priority: 7 }), /^spec\.priority: must be left out/],
]; // prettier-ignore

it.each([
  'example.org/a..b:1', 'example.org/a//b:1', 'example.org/a___b:1', 'example.org/-a:1', '-a.example/b:1', 'a.-b.example/c:1',
  `example.org/a@sha256:${'a'.repeat(40)}`, `example.org/a@sha256:${'A'.repeat(64)}`, `example.org/a@md5:${'a'.repeat(32)}`,
  'a'.repeat(64), `example.org/${'a'.repeat(256)}:1`, `example.org/a:${'1'.repeat(129)}`, 'https://example.org/a:1', '${IMAGE}:1',
])('refuses the image %s, as containerd does', (image) => {
  expect(faultsOf(withContainer({ image }))).toEqual([expect.stringMatching(/ is no image’s name$/)]);
}); // prettier-ignore

it('refuses uid 0 beside runAsNonRoot, also where it is allowed', () => {
  const document = withContext({ runAsUser: 0, runAsNonRoot: true });
  expect(faultsOf(document, { root: true })).toEqual([
    expect.stringMatching(/runAsUser: is 0 beside runAsNonRoot, so kubelet does not start/),
  ]);
});

it('refuses an empty folder in a place that kubelet does not know', () => {
  for (const medium of ['memory', 'tmpfs', 'Hugepages'])
    expect(faultsOf(withVolume({ emptyDir: { medium } }))).toEqual([
      expect.stringMatching(/volumes\[0\]\.emptyDir\.medium: is "\w+", with which kubelet does not start the pod; write Memory/),
    ]);
  for (const medium of ['', 'Memory', 'HugePages', 'HugePages-2Mi'])
    expect(faultsOf(withVolume({ emptyDir: { medium } }))).toEqual([]);
}); // prettier-ignore

const ofContainer = (containerName: string) => ({
  resourceFieldRef: { containerName, resource: 'limits.memory' },
});

describe('a reference to what the pod does not have', () => {
  const withPath = (subPathExpr: string, more: object = {}): Document =>
    withContainer({ volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr }], ...more });
  const item = (name: string) => ({ path: 'a', ...ofContainer(name) });

  it.each([
    ['env', withContainer({ env: [{ name: 'A', valueFrom: ofContainer('nope') }] }), /containers\[0\]\.env\[0\]\.valueFrom\.resourceFieldRef\.containerName: is "nope", and the pod has only run$/],
    ['a volume', withVolume({ downwardAPI: { items: [item('nope')] } }), /volumes\[0\]\.downwardAPI\.items\[0\]\.resourceFieldRef\.containerName: is "nope"/],
    ['a projected volume', withVolume({ projected: { sources: [{}, { downwardAPI: { items: [item('nope')] } }] } }), /projected\.sources\[1\]\.downwardAPI\.items\[0\]/],
    ['a path', withPath('a/$(NOPE)'), /volumeMounts\[0\]\.subPathExpr: has the variable NOPE, which is not in env/],
  ])('is refused in %s', (_, document, fault) => {
    expect(faultsOf(document)).toEqual([expect.stringMatching(fault)]);
  }); // prettier-ignore

  it.each([
    ['env', withContainer({ env: [{ name: 'A', valueFrom: ofContainer('run') }] })],
    ['a volume', withVolume({ downwardAPI: { items: [item('own')] } })],
    ['a path', withPath('$(A)-$$(B)', { env: [{ name: 'A', value: 'a' }] })],
    ['a path by a config map', withPath('$(A)', { envFrom: [{ prefix: 'A' }] })],
  ])('is none in %s', (_, document) => {
    expect(faultsOf(document)).toEqual([]);
  }); // prettier-ignore
});

it('refuses a setting of the whole host', () => {
  for (const name of ['vm.max_map_count', 'fs/file-max', 'kernel.pid_max']) {
    const document = pod({ securityContext: { sysctls: [{ name, value: '1' }] } });
    expect(faultsOf(document, { sysctls: [name] })).toEqual([
      expect.stringMatching(
        /sysctls\[0\]\.name: [a-z._-]+ is a setting of the whole host.*; set it with sysctls/,
      ),
    ]);
  }
});

it('accepts settings that kubelet admits by itself, without a word', () => {
  const names = ['net.ipv4.ping_group_range', 'net/ipv4/tcp_rmem', 'kernel.shm_rmid_forced'];
  const document = pod({
    securityContext: { sysctls: names.map((name) => ({ name, value: '1' })) },
  });
  expect(verdictOf(document, { sysctls: names })).toEqual({
    faults: [],
    warning: undefined,
    notes: [],
  });
});

it('tells of what must be so on the node, whatever the policy says', () => {
  for (const allowed of [{}, ANY])
    expect(verdictOf(pod({ nodeSelector: { disk: 'ssd' } }), allowed)).toMatchObject({
      faults: [],
      notes: [{ path: 'spec.nodeSelector[disk]' }],
    });
});

it('accepts a limit of memory for all containers of the pod', () => {
  const containers = [{ ...container, resources: {} }];
  expect(faultsOf(pod({ containers, resources: { limits: { memory: '128Mi' } } }))).toEqual([]);
});

it('says of a hostPath that is no object nothing, as kubelet does', () => {
  expect(faultsOf(withVolume({ hostPath: '/mnt' }))).toEqual([]);
});

it('accepts a class with its number, one of the cluster’s own, and the number of none', () => {
  for (const spec of [
    { priorityClassName: 'system-node-critical', priority: 2_000_001_000 },
    { priorityClassName: 'system-cluster-critical', priority: 2_000_000_000 },
    { priorityClassName: 'of-the-cluster', priority: 7 },
    { priority: 0 },
  ])
    expect(faultsOf(pod(spec))).toEqual([]);
});

it.each(REFUSED)('refuses %s, whatever the policy says', (_, document, fault) => {
  for (const allowed of [{ hostPaths: { '/a': 'write' } } as const, ANY]) {
    const faults = faultsOf(document, allowed);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(fault);
  }
});

/** The judgement of a pod that only Kubernetes' rules bind. */
const openly = (document: Document) => judge(document, { pods: {}, images: [IMAGE], isOpen: true });

const DIGEST = `sha256:${'0'.repeat(64)}`;
const REQUIRED = {
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }, { key: 'disk', operator: 'Exists' }] },
    ],
  },
}; // prettier-ignore
const LEGAL: [string, Document, string, RegExp][] = [
  ['an image without a tag', withContainer({ image: 'example.org/a' }), 'spec.containers[0].image', /^example\.org\/a has no fixed version/],
  ['the latest image', withContainer({ image: 'example.org:5000/a:latest' }), 'spec.containers[0].image', /has no fixed version/],
  ['an image of a volume without a tag', withVolume({ image: { reference: 'a' } }), 'spec.volumes[0].image.reference', /has no fixed version/],
  ['a shipped image by its digest', withContainer({ image: `${IMAGE}@${DIGEST}` }), 'spec.containers[0].image', /only in an image with that very digest/],
  ['an image that is there', withContainer({ image: 'example.org/a:1', imagePullPolicy: 'Never' }), 'spec.containers[0].image', /must be on the node already/],
  ['a path that ends in /', withHostPath('/etc/', readOnly), 'spec.volumes[0].hostPath.path', /^\/etc\/ is mounted as \/etc$/],
  ['a label of a node', pod({ nodeSelector: { disk: 'ssd', 'kubernetes.io/os': 'linux' } }), 'spec.nodeSelector[disk]', /^asks for the label disk=ssd, without which kubelet does not run the pod/],
  ['a required label', pod({ affinity: { nodeAffinity: REQUIRED } }), 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]', /^asks for the label disk,/],
  ['a setting that kubelet does not admit by itself', pod({ securityContext: { sysctls: [{ name: 'net/core/somaxconn', value: '1' }] } }), 'spec.securityContext.sysctls[0].name', /^net\.core\.somaxconn is set only if kubelet\.config\.allowedUnsafeSysctls/],
  ['a RuntimeClass', pod({ runtimeClassName: 'gvisor' }), 'spec.runtimeClassName', /^asks for the RuntimeClass gvisor/],
  ['a volume of a driver', withVolume({ awsElasticBlockStore: { volumeID: 'vol-1' } }), 'spec.volumes[0].awsElasticBlockStore', /only by the CSI driver/],
  ['a probe of a port without this name', withContainer({ readinessProbe: { tcpSocket: { port: 'a' } } }), 'spec.containers[0].readinessProbe.tcpSocket.port', /the probe never succeeds$/],
  ['a capability that does not exist', withContext({ capabilities: { drop: ['ALL'], add: ['CAP_BPF'] } }), 'spec.containers[0].securityContext.capabilities.add[0]', /the container does not get it/],
  ['SELinux', withContext({ seLinuxOptions: { type: 'spc_t' } }), 'spec.containers[0].securityContext.seLinuxOptions', /^has no effect/],
  ['SELinux for all containers', pod({ securityContext: { seLinuxOptions: { level: 's0' } } }), 'spec.securityContext.seLinuxOptions', /^has no effect/],
  ['no profile of AppArmor', withContext({ appArmorProfile: { type: 'Unconfined' } }), 'spec.containers[0].securityContext.appArmorProfile', /^has no effect/],
  ['a probe of another host', withContainer({ livenessProbe: { httpGet: { host: '127.0.0.1', port: 80 } } }), 'spec.containers[0].livenessProbe.httpGet.host', /^is called by kubelet/],
  ['a uid of its own', pod({}, { uid: 'x' }), 'metadata.uid', /^is kept/],
  ['an unknown start', pod({}, { annotations: { 'kios.dev/start': 'early' } }), 'metadata.annotations["kios.dev/start"]', /starts with the others$/],
  ['a token of an account', pod({ automountServiceAccountToken: true }), 'spec.automountServiceAccountToken', /^has no effect/],
  ['a class without its number', pod({ priorityClassName: 'system-node-critical' }), 'spec.priority', /^is missing: the pod ends with those of users/],
  ['a number without its class', pod({ priority: 2_000_001_000 }), 'spec.priorityClassName', /the API server refuses to show the pod$/],
]; // prettier-ignore

describe('where only Kubernetes’ rules bind a pod, it may have', () => {
  it.each(LEGAL)('%s, which is told', (_, document, path, effect) => {
    const { faults, notes } = openly(document);
    expect(faults).toEqual([]);
    expect(notes.map((note) => note.path)).toEqual([path]);
    expect(notes[0]?.cause).toMatch(effect);
  });

  it('images by every name that containerd takes', () => {
    for (const image of ['a:1', `a@${DIGEST}`, `a:1@${DIGEST}`, 'r.example:5000/a/b__c.d:V_1', '[2001:db8::1]:5000/a:1', `a@sha512:${'0'.repeat(128)}`])
      expect(openly(withContainer({ image }))).toMatchObject({ faults: [], notes: [] });
    for (const image of ['A:1', 'a:', 'a:-1', 'a b:1', 'http://a/b:1', 'a@sha256:0'])
      expect(openly(withContainer({ image })).faults).toHaveLength(1);
  }); // prettier-ignore

  it('what kubectl shows of a pod', () => {
    const shown = pod(
      { nodeName: 'n', enableServiceLinks: true, preemptionPolicy: 'PreemptLowerPriority', schedulerName: 'default-scheduler' },
      {
        uid: 'x', resourceVersion: '7', creationTimestamp: '2026-01-02T03:04:05Z', generation: 1,
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'y', controller: true }],
        managedFields: [{ manager: 'kubelet' }],
        annotations: { 'kubernetes.io/config.hash': 'x', 'kubernetes.io/config.source': 'file' },
      },
    );
    const { faults, notes } = openly({ ...shown, status: { phase: 'Running' } });
    expect([faults, notes.map(({ path }) => path)]).toEqual([[], ['metadata.uid']]);
  }); // prettier-ignore

  it('a path of the host in another form, and the warning says which it is', () => {
    expect(openly(withHostPath('/etc//kios/')).warning).toContain('writes the host’s /etc/kios');
  });

  it('nothing that Kubernetes refuses or never runs', () => {
    for (const document of [
      withContainer({ image: 'NGINX:1.28' }),
      withContainer({ image: imageName('dhpc') }),
      withHostPath('/a/../b'),
      withHostPath(''),
      withContext({ appArmorProfile: { type: 'Localhost', localhostProfile: 'a' } }),
      pod({}, { annotations: { 'container.apparmor.security.beta.kubernetes.io/run': 'runtime/default' } }),
      pod({}, { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
      pod({ serviceAccountName: 'a' }),
      withContainer({ env: [{ name: 'A', valueFrom }] }),
    ])
      expect(openly(document)).toMatchObject({ faults: [expect.anything()], notes: [] });
  }); // prettier-ignore
});

describe('a pod that may do everything', () => {
  const proxy = pod({
    hostNetwork: true,
    containers: [
      {
        name: 'proxy',
        image: 'docker.io/library/nginx:1.28.0-alpine',
        securityContext: { privileged: true },
        volumeMounts: [{ name: 'etc', mountPath: '/etc/nginx', readOnly: true }],
      },
    ],
    volumes: [{ name: 'etc', hostPath: { path: '/etc/nginx' } }],
  });

  it('is refused with every fault until the policy gives a reason', () => {
    expect(faultsOf(proxy).length).toBeGreaterThan(5);
  });

  it('gives a warning that names what it can do', () => {
    expect(verdictOf(proxy, { privileged: 'balances the API servers' })).toEqual({
      faults: [],
      notes: [],
      warning:
        'the pod kube-system/a is root on the node: uses the host’s network; reads the host’s /etc/nginx; ' +
        'container proxy has all capabilities and devices; container proxy can take all memory ' +
        '(allowed: balances the API servers)',
    });
  });

  it('gives no warning while it does nothing of that kind', () => {
    expect(verdictOf(pod(), ANY).warning).toBeUndefined();
  });
});
