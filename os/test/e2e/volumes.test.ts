import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { WORKSTATION_SEEN_BY_GUEST as SERVER } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import {
  driverPod,
  HUGE_PAGES,
  mounted,
  nfsVolume,
  REGISTRY,
  serveDriver,
  type Sources,
  userPod,
  VOLUMES,
} from '../support/volumes/driver.ts';
import { IQN, NQN, SHARE, USER, VolumeServer } from '../support/volumes/server.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const STEP_MS = 12 * 60_000;

const FOLDERS = ['nfs3', 'nfs4', 'smb3'] as const;

await describeRecorded('volumes', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  let server: VolumeServer;
  let up: UpNode;

  const driver = (script: string): Promise<string> =>
    up.kubectl.call(['exec', 'driver', '--', 'sh', '-exc', script]);

  const create = (object: unknown): Promise<string> =>
    up.kubectl.call(['create', '-f', '-'], { input: JSON.stringify(object) });

  /** Runs a script in an ordinary pod with these volumes, and returns what it printed. */
  async function use(
    name: string,
    sources: Sources,
    script: string,
    limits: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    await create(userPod(name, up.nodeName, script, sources, limits));
    const done = '--for=jsonpath={.status.phase}=Succeeded';
    await up.kubectl.wait(['wait', done, `pod/${name}`]);
    return (await up.kubectl.call(['logs', name])).trim();
  }

  beforeAll(async () => {
    const { progress, undo } = context;
    await down(silent, { purge: true });
    const registry = undo.use(await serveDriver(progress));
    const port = Number(new URL(await registry.listen()).port);
    server = undo.use(await VolumeServer.start(progress));
    const address = `http://${SERVER}:${port}`;
    const hosts = `server = "${address}"\n[host."${address}"]\ncapabilities = ["pull", "resolve"]\n`;
    up = await bringUp(context, labMachine(), {
      memoryMiB: 2048,
      cpus: 2,
      offer: [port, ...Object.values(server.ports)],
      extras: {
        sysctls: HUGE_PAGES.sysctls,
        files: [{ path: `/etc/containerd/certs.d/${REGISTRY}/hosts.toml`, content: hosts }],
      },
    });
    await create(driverPod(up.nodeName));
    await up.kubectl.wait(['wait', '--for=condition=Ready', 'pod/driver']);
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
  }, 120_000);

  it('mounts one folder by NFS 3, NFS 4 and SMB 3', { timeout: STEP_MS }, async () => {
    const { nfs, mountd, smb } = server.ports;
    const at = (folder: (typeof FOLDERS)[number]): string => `${VOLUMES}/${folder}`;
    await driver(`mkdir -p ${FOLDERS.map(at).join(' ')}
      mount -t nfs -o vers=3,proto=tcp,port=${nfs},mountproto=tcp,mountport=${mountd},nolock ${SERVER}:${SHARE} ${at('nfs3')}
      mount -t nfs -o vers=4,proto=tcp,port=${nfs} ${SERVER}:/ ${at('nfs4')}
      mount -t cifs -o vers=3.1.1,seal,port=${smb},username=${USER.name},password=${USER.password} //${SERVER}/share ${at('smb3')}`);
    const script = [
      ...FOLDERS.map((folder) => `echo by ${folder} > /volumes/${folder}/${folder}`),
      ...FOLDERS.map(
        (folder) => `echo $(cat ${FOLDERS.map((by) => `/volumes/${folder}/${by}`).join(' ')})`,
      ),
    ];
    const all = FOLDERS.map((folder) => `by ${folder}`).join(' ');
    expect(await use('folders', mounted(FOLDERS), script.join('\n'))).toBe(
      [all, all, all].join('\n'),
    );
    await driver(`umount ${FOLDERS.map(at).join(' ')}`);
  });

  it('uses one disk by iSCSI and by NVMe over TCP', { timeout: 2 * STEP_MS }, async () => {
    const { iscsi, nvme } = server.ports;
    const portal = `${SERVER}:${iscsi}`;
    const of = `iscsiadm -m node -T ${IQN} -p ${portal}`;
    const [scsi, fabric] = [`${VOLUMES}/iscsi`, `${VOLUMES}/nvme`];
    await driver(`mkdir -p ${scsi} ${fabric}
      ${of} -o new
      ${of} --login
      disk=/dev/disk/by-path/ip-${portal}-iscsi-${IQN}-lun-0
      until [ -e $disk ]; do sleep 0.2; done
      mkfs.xfs -q -s size=4096 $disk
      mount -t xfs $disk ${scsi}`);
    expect(
      await use(
        'scsi',
        mounted(['iscsi']),
        'echo by iscsi > /volumes/iscsi/a; cat /volumes/iscsi/a',
      ),
    ).toBe('by iscsi');
    await driver(`umount ${scsi}
      ${of} --logout
      nvme connect -t tcp -a ${SERVER} -s ${nvme} -n ${NQN}
      until [ -e /dev/nvme0n1 ]; do sleep 0.2; done
      mount -t xfs /dev/nvme0n1 ${fabric}`);
    expect(
      await use('fabric', mounted(['nvme']), 'cat /volumes/nvme/a; echo by nvme > /volumes/nvme/b'),
    ).toBe('by iscsi');
    await driver(`umount ${fabric}
      nvme disconnect -n ${NQN}`);
  });

  it('has kubelet mount NFS, of the newest version of both', { timeout: STEP_MS }, async () => {
    const { nfs, mountd } = server.ports;
    const at = `port=${nfs}`;
    const newest = nfsVolume('newest', { server: SERVER, path: '/' }, [at]);
    const old = nfsVolume('old', { server: SERVER, path: SHARE }, [at, 'nfsvers=3', `mountport=${mountd}`, 'nolock']); // prettier-ignore
    for (const { objects } of [newest, old]) await create(objects);
    const sources = { newest: newest.source, old: old.source };
    const versions = String.raw`sed -n 's#.* /volumes/\([a-z]*\) .*,vers=\([0-9.]*\),.*#\1 \2#p' /proc/mounts | sort`;
    const script = `echo by kubelet > /volumes/newest/kubelet; cat /volumes/old/kubelet; ${versions}`;
    expect(await use('nfs', sources, script)).toBe('by kubelet\nnewest 4.1\nold 3');
    await up.kubectl.wait(['delete', 'pod/nfs']); // only after kubelet has unmounted them
  });

  it('gives a pod its huge pages and no more', { timeout: STEP_MS }, async () => {
    const { source, limits } = HUGE_PAGES;
    const script = `cd /volumes/pages
      fallocate -l 4M within
      if fallocate -l 2M beyond 2> /dev/null; then exit 1; fi
      sed -n 's/^HugePages_Free: *//p' /proc/meminfo`;
    expect(await use('huge', { pages: source }, script, limits)).toBe('2');
  });

  it('attaches no disk by the iscsiadm that kubelet looks for', { timeout: STEP_MS }, async () => {
    const iscsi = { targetPortal: `${SERVER}:${server.ports.iscsi}`, iqn: IQN, lun: 0 };
    await create(userPod('attached', up.nodeName, 'true', { disk: { iscsi } }));
    const events = ['get', 'events', '--field-selector=reason=FailedMount', '-o=jsonpath={.items[*].message}']; // prettier-ignore
    await vi.waitFor(
      async () =>
        expect(await up.kubectl.call(events)).toContain(
          'volume "disk" : executable file not found',
        ),
      { timeout: 60_000, interval: 1000 },
    );
    await up.kubectl.wait(['delete', 'pod/attached']);
  });
});
