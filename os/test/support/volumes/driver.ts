import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { makeImage } from '../../../src/build/formats/oci.ts';
import { writeLayer, writeLayout } from '../../../src/build/image/oci-layout.ts';
import { OWN } from '../../../src/conformance/images/base.ts';
import { Registry } from '../../../src/lab/registry.ts';
import type { Progress } from '../../../src/workstation/progress.ts';
import { programTree } from './programs.ts';

/** Name of the driver's image, by a host that the node sends to the registry. */
export const REGISTRY = 'registry.example';
export const IMAGE = `${REGISTRY}/volumes/driver:1`;
/** Where the driver mounts volumes, on the host and in its container. */
export const VOLUMES = '/var/lib/kios-volumes';

const PROGRAMS = [
  'usr/bin/mount', 'usr/bin/umount', 'usr/sbin/mount.nfs', 'usr/sbin/umount.nfs', 'usr/sbin/mount.cifs', 'usr/sbin/iscsiadm', 'usr/sbin/iscsid',
  'usr/sbin/nvme', 'usr/sbin/mkfs.xfs',
]; // prettier-ignore

const ISCSID = `iscsid.startup = /bin/false
node.startup = manual
node.session.timeo.replacement_timeout = 120
`;

/** Serves the image of a driver for storage, with the programs that such images bring. */
export async function serveDriver(progress: Progress): Promise<Registry & AsyncDisposable> {
  const tree = await programTree(PROGRAMS, progress);
  for (const name of ['mount', 'umount']) tree.symlink(`/bin/${name}`, `/usr/bin/${name}`);
  for (const [name, target] of [
    ['mount.nfs4', 'mount.nfs'],
    ['umount.nfs4', 'umount.nfs'],
    ['mount.smb3', 'mount.cifs'],
  ] as const)
    tree.symlink(`/usr/sbin/${name}`, target);
  for (const name of [
    'mount.nfs',
    'mount.nfs4',
    'umount.nfs',
    'umount.nfs4',
    'mount.cifs',
    'mount.smb3',
  ])
    tree.symlink(`/sbin/${name}`, `/usr/sbin/${name}`);
  tree.text('/etc/iscsi/iscsid.conf', ISCSID, OWN);
  tree.text('/etc/iscsi/initiatorname.iscsi', 'InitiatorName=iqn.2026-11.dev.kios:node\n', OWN);
  tree.directory('/var/lib/iscsi');
  tree.directory('/run/lock');
  tree.directory('/var/lib/nfs');
  tree.directory('/etc/nvme');
  tree.text('/etc/mtab', '', OWN);
  const layout = await mkdtemp(path.join(tmpdir(), 'kios-driver-'));
  const layer = await writeLayer(layout, tree, 0);
  const env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'];
  const image = makeImage({ name: IMAGE, layers: [layer], entrypoint: [], env }, 'amd64', 0);
  await writeLayout(layout, [image], 'amd64');
  const registry = new Registry(layout);
  registry.tags.set('volumes/driver:1', image.manifest.digest);
  return Object.assign(registry, {
    [Symbol.asyncDispose]: async () => {
      await Registry.prototype[Symbol.asyncDispose].call(registry);
      await rm(layout, { recursive: true, force: true });
    },
  });
}

/** As drivers of CSI have it: privileged, the host's network and devices, and mounts that the host sees. */
export const driverPod = (nodeName: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'driver', namespace: 'default' },
  spec: {
    nodeName,
    hostNetwork: true,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'driver',
        image: IMAGE,
        command: ['iscsid', '-f'],
        securityContext: { privileged: true },
        volumeMounts: [
          { name: 'dev', mountPath: '/dev' },
          { name: 'volumes', mountPath: VOLUMES, mountPropagation: 'Bidirectional' },
        ],
      },
    ],
    volumes: [
      { name: 'dev', hostPath: { path: '/dev' } },
      { name: 'volumes', hostPath: { path: VOLUMES, type: 'DirectoryOrCreate' } },
    ],
  },
});

/** Sources of volumes, by the names under which a pod has them in `/volumes`. */
export type Sources = Readonly<Record<string, unknown>>;

/** Folders where the driver has mounted something. */
export const mounted = (names: readonly string[]): Sources =>
  Object.fromEntries(
    names.map((name) => [name, { hostPath: { path: `${VOLUMES}/${name}`, type: 'Directory' } }]),
  );

/** A folder of NFS that kubelet itself mounts, and the claim on it. */
export function nfsVolume(
  name: string,
  nfs: { readonly server: string; readonly path: string },
  mountOptions: readonly string[],
): { readonly objects: unknown; readonly source: unknown } {
  const size = { storage: '1Mi' };
  const shared = { accessModes: ['ReadWriteMany'], storageClassName: '' };
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { ...shared, capacity: size, mountOptions, nfs },
  };
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'default' },
    spec: { ...shared, volumeName: name, resources: { requests: size } },
  };
  return {
    objects: { apiVersion: 'v1', kind: 'List', items: [volume, claim] },
    source: { persistentVolumeClaim: { claimName: name } },
  };
}

/** Memory in huge pages, which a pod has to limit: 4 MiB of the node's 8. */
export const HUGE_PAGES = {
  sysctls: { 'vm.nr_hugepages': 4 },
  limits: { 'hugepages-2Mi': '4Mi', memory: '32Mi', cpu: '100m' },
  source: { emptyDir: { medium: 'HugePages' } },
} as const;

/** An ordinary pod that runs a script on volumes. */
export const userPod = (
  name: string,
  nodeName: string,
  script: string,
  sources: Sources,
  limits: Readonly<Record<string, string>> = {},
): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    nodeName,
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name,
        image: IMAGE,
        command: ['sh', '-ec', script],
        resources: { limits },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: Object.keys(sources).map((volume) => ({
          name: volume,
          mountPath: `/volumes/${volume}`,
        })),
      },
    ],
    volumes: Object.entries(sources).map(([volume, source]) =>
      Object.assign({ name: volume }, source),
    ),
  },
});
