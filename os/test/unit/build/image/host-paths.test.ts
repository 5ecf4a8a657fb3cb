import path from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import type { Tree } from '../../../../src/build/formats/tree.ts';
import { PERSISTENT } from '../../../../src/build/image/persistent.ts';
import { sampleRoot } from '../../../support/sample-root.ts';

/** Folders in which pods can make others. `/dev` and `/sys` are the kernel's, and a guest tries them. */
const WRITABLE: readonly string[] = ['/etc', '/run', '/tmp', ...PERSISTENT];

/**
 * The `hostPath` volumes of charts with their default values, as published: name, path, type. Without a type the
 * container runtime makes a missing folder.
 */
const VOLUMES = [
  ['Falco, NFD', '/boot', ''],
  ['Falco', '/usr', ''],
  ['NFD', '/usr/lib', ''],
  ['NFD', '/etc/kubernetes/node-feature-discovery/source.d', 'DirectoryOrCreate'],
  ['kube-bench, Trivy', '/lib/systemd', ''],
  ['kube-bench, Trivy', '/etc/systemd', ''],
  ['kube-bench, Trivy', '/srv/kubernetes', ''],
  ['kube-bench', '/usr/bin', ''],
  ['kubeadm', '/usr/local/share/ca-certificates', 'DirectoryOrCreate'],
  ['kubeadm', '/usr/share/ca-certificates', 'DirectoryOrCreate'],
  ['kubeadm', '/etc/ca-certificates', 'DirectoryOrCreate'],
  ['kubeadm', '/usr/libexec/kubernetes/kubelet-plugins/volume/exec', 'DirectoryOrCreate'],
  ['Calico', '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/nodeagent~uds', 'DirectoryOrCreate'],
  ['KubeArmor', '/usr/share/kubearmor', 'DirectoryOrCreate'],
  ['KubeArmor', '/usr/share/containers/oci/hooks.d', 'DirectoryOrCreate'],
  ['Azure blob driver', '/usr/local', ''],
  ['EFS driver', '/etc/amazon/efs', 'DirectoryOrCreate'],
  ['HPE driver', '/etc/hpe-storage', ''],
  ['kube-ovn', '/etc/origin/openvswitch', ''],
  ['Datadog', '/opt/datadog-agent/run', 'DirectoryOrCreate'],
  ['Datadog', '/usr/src', ''],
  ['parca-agent, polardbx', '/etc/localtime', 'File'],
  ['cluster-autoscaler', '/etc/ssl/certs/ca-certificates.crt', 'File'],
  ['local-path', '/opt/local-path-provisioner', 'DirectoryOrCreate'],
  ['GCE PD, Vultr, IBM block driver', '/etc/udev', 'Directory'],
  ['GCE PD, Vultr, IBM block driver', '/lib/udev', 'Directory'],
  ['GCE PD, OpenEBS, Mayastor', '/run/udev', 'Directory'],
  ['NVIDIA network operator', '/lib/udev', ''],
  ['Datadog', '/etc/passwd', ''],
  ['Datadog', '/etc/group', ''],
  ['NFD, Datadog', '/etc/os-release', 'File'],
  ['Antrea', '/sbin/depmod', ''],
  ['Auditbeat', '/sbin', ''],
  ['collectors of inventories', '/lib64', 'Directory'],
  ['collectors of inventories', '/usr/lib64', 'Directory'],
  ['nginx, EMQX', '/etc/timezone', 'File'],
  ['cluster-autoscaler on AWS', '/etc/ssl/certs/ca-bundle.crt', 'File'],
  ['cloud controllers of Red Hat', '/etc/pki/tls/certs/ca-bundle.crt', 'File'],
] as const; // prettier-ignore

let root: Tree;

beforeAll(async () => {
  root = await sampleRoot();
});

const isBelow = (where: string, folder: string): boolean =>
  where === folder || where.startsWith(`${folder}/`);

/** Folders that init makes before the first pod (docs/host-api.md section 3); `e2e/changed-image` mounts them. */
const MADE_BY_INIT: readonly string[] = ['/run/udev'];

/** Returns what kubelet or the container runtime would find or make at a path of the host. */
function found(where: string): 'file' | 'directory' | 'symlink' | 'made' | 'nothing' {
  if (MADE_BY_INIT.includes(where)) return 'directory';
  const entry = new Map(root.sorted()).get(where);
  if (entry !== undefined) return entry.type;
  return WRITABLE.some((folder) => isBelow(where, folder)) ? 'made' : 'nothing';
}

/** What a volume of each type takes. Kubelet follows links, and makes nothing where a type has no `OrCreate`. */
const TAKEN: Readonly<Record<(typeof VOLUMES)[number][2], readonly string[]>> = {
  '': ['file', 'directory', 'symlink', 'made'],
  Directory: ['directory'],
  DirectoryOrCreate: ['directory', 'symlink', 'made'],
  File: ['file', 'symlink'],
};

describe('the host has, or lets be made, what charts mount:', () => {
  it.each(VOLUMES)('%s: %s %s', (_name, where, type) => {
    expect(TAKEN[type]).toContain(found(where));
  });

  it('and links of theirs lead to what is there', () => {
    for (const name of ['/etc/ssl/certs/ca-bundle.crt', '/etc/pki/tls/certs/ca-bundle.crt']) {
      const entry = new Map(root.sorted()).get(name);
      const target = entry?.type === 'symlink' ? entry.target : '';
      expect(path.posix.resolve(path.posix.dirname(name), target)).toBe(
        '/etc/ssl/certs/ca-certificates.crt',
      );
    }
  });

  it('and folders in which they write without making them', () => {
    expect(found('/etc/sysctl.d')).toBe('directory');
  });

  it('not whatever anybody names', () => {
    expect(['/containers', '/usr/lib/sysimage/rpm', '/bin/x'].map(found)).toEqual([
      'nothing',
      'nothing',
      'nothing',
    ]);
  });
});
