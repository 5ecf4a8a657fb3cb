import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { readManifests } from '../../../../src/build/manifests/read.ts';

const Container = v.object({
  volumeMounts: v.optional(
    v.array(v.object({ name: v.string(), readOnly: v.optional(v.boolean(), false) })),
    [],
  ),
});
const Pod = v.object({
  spec: v.object({
    initContainers: v.optional(v.array(Container), []),
    containers: v.array(Container),
    volumes: v.array(
      v.object({ name: v.string(), hostPath: v.optional(v.object({ path: v.string() })) }),
    ),
  }),
});

interface Mount {
  readonly pod: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** Every folder and file of the host that a shipped pod mounts. */
async function hostMounts(): Promise<Mount[]> {
  const files = await readManifests();
  return files.flatMap(({ name, text }) => {
    const { spec } = v.parse(Pod, parse(text));
    const paths = new Map(spec.volumes.map((each) => [each.name, each.hostPath?.path]));
    return [...spec.initContainers, ...spec.containers]
      .flatMap(({ volumeMounts }) => volumeMounts)
      .flatMap((mount) => {
        const host = paths.get(mount.name);
        const pod = path.basename(name, '.yaml');
        return host === undefined ? [] : [{ pod, path: host, readOnly: mount.readOnly }];
      });
  });
}

const contains = (folder: string, file: string): boolean =>
  !path.relative(folder, file).startsWith('..');

describe('the pods that ship', () => {
  it.each([
    ['the bootstrap document', '/etc/kios/bootstrap.yaml'],
    ['the bootstrap token', '/etc/kubernetes/bootstrap-kubelet.conf'],
    ["kubelet's certificate", '/var/lib/kubelet/pki/kubelet-client-current.pem'],
    ['the control socket of all commands', '/run/system.sock'],
  ])('show %s to none but bootstrap', async (_, secret) => {
    const shown = (await hostMounts()).filter((mount) => contains(mount.path, secret));
    const pods = new Set(shown.map(({ pod }) => pod));
    expect([...pods].filter((pod) => pod !== 'bootstrap')).toEqual([]);
  });

  it.each([
    ['dhcp', '/var/lib/kios/dhcp'],
    ['bootstrap', '/var/lib/kios/bootstrap'],
    ['chrony', '/run/kios/time'],
    ['modloader', '/run/kios/modules'],
  ])('leave the lock of %s to it alone', async (owner, folder) => {
    const writers = (await hostMounts()).filter(
      (mount) => !mount.readOnly && contains(mount.path, folder),
    );
    expect([...new Set(writers.map(({ pod }) => pod))]).toEqual([owner]);
  });
});
