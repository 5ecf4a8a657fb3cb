import { createHash } from 'node:crypto';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { type ExportTools, openExportTools } from '../../src/artefact/export/tools.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { type Accelerator, chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import type { Seed } from '../../src/lab/qemu/seed.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 70 * 60_000;
const JOIN_MS = 25 * 60_000;
/** The size of the drive that Proxmox makes. */
const PROXMOX_BYTES = 4 * 1024 * 1024;
/** The address of QEMU's first network card. */
const MAC = '52:54:00:12:34:56';

/** The cluster, as each form of user data names it. */
interface Join {
  readonly endpoint: string;
  readonly host: string;
  readonly hash: string;
  readonly token: string;
}

/** As Cluster API's kubeadm provider renders it, and its provider for AWS packs it. */
const clusterApi = ({ host, hash, token }: Join): string =>
  gzipSync(`## template: jinja
#cloud-config

write_files:
-   path: /run/kubeadm/kubeadm-join-config.yaml
    owner: root:root
    permissions: '0640'
    content: |
      ---
      apiVersion: kubeadm.k8s.io/v1beta4
      caCertPath: ""
      discovery:
        bootstrapToken:
          apiServerEndpoint: ${host}
          caCertHashes:
          - ${hash}
          token: ${token}
      kind: JoinConfiguration
      nodeRegistration:
        imagePullPolicy: IfNotPresent
        kubeletExtraArgs:
        - name: node-labels
          value: team=blue
        name: '{{ ds.meta_data.local_hostname }}'
        taints: null
-   path: /run/cluster-api/placeholder
    owner: root:root
    permissions: '0640'
    content: "This placeholder file is used to create the /run/cluster-api sub directory"
runcmd:
  - "swapoff -a"
  - kubeadm join --config /run/kubeadm/kubeadm-join-config.yaml  && echo success > /run/cluster-api/bootstrap-success.complete
`).toString('base64');

/** As Proxmox writes it when user data is a snippet: it makes the instance id of the content. */
const proxmox = ({ endpoint, hash, token }: Join): Seed => {
  const join = { instanceId: 'i', endpoint, caCertHash: hash, token, nodeName: 'by-proxmox' };
  const userData = seedFor(join)['user-data'];
  const network = `version: 1
config:
    - type: physical
      name: eth0
      mac_address: '${MAC}'
      subnets:
      - type: dhcp4
    - type: nameserver
      address:
      - '10.0.2.3'
      search:
      - 'example.com'
`;
  const id = createHash('sha1').update(`${userData}${network}`).digest('hex');
  return {
    'user-data': userData,
    'network-config': network,
    'meta-data': `instance-id: ${id}\n`,
    'vendor-data': '',
  };
};

const isDisc = ({ ev, fields }: SeenEvent): boolean =>
  ev === 'seed.mounted' && fields['label'] === 'cidata';

// Nodes whose user data people have from elsewhere.
await describeRecorded('user-data', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  let image: string;
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let accelerator: Accelerator;
  let tools: ExportTools;
  let node: BootedNode | undefined;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    ({ image } = await buildImage({ arch: 'amd64', progress }));
    plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    accelerator = await chooseAccelerator();
    tools = await openExportTools(progress);
  }, BUILD_MS);

  afterEach(async () => {
    node?.console[Symbol.dispose]();
    await machine.stop();
  }, 60_000);

  afterAll(() => down(silent, { purge: true }), 120_000);

  async function joinOf(): Promise<Join> {
    return {
      endpoint: plane.endpointForGuest,
      host: new URL(plane.endpointForGuest).host,
      hash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
    };
  }

  /** Boots a fresh machine with a seed volume or a disc until its node is Ready. */
  async function boot(
    name: string,
    media: { readonly seed: Seed } | { readonly devices: readonly string[] },
  ): Promise<BootedNode> {
    node = await powerOn(machine, {
      accelerator,
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [plane.apiPort],
      ...media,
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, name, AbortSignal.timeout(JOIN_MS));
    return node;
  }

  const fieldOf = async (name: string, jsonpath: string): Promise<string> =>
    kubectl.call(['get', 'node', name, '-o', `jsonpath=${jsonpath}`]);

  it('cloud-config of Cluster API, named by the metadata', { timeout: JOIN_MS }, async () => {
    await machine.create(image);
    const seed = {
      'meta-data': 'instance-id: 12\nlocal-hostname: by-cluster-api\n',
      'user-data': clusterApi(await joinOf()),
    };
    await boot('by-cluster-api', { seed });
    expect(await fieldOf('by-cluster-api', '{.metadata.labels.team}')).toBe('blue');
  });

  it('an ISO as Proxmox makes it, in an IDE drive', { timeout: JOIN_MS }, async () => {
    await machine.create(image);
    const folder = path.join(machine.dir, 'cloudinit');
    const disc = path.join(machine.dir, 'cloudinit.iso');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder);
    for (const [name, content] of Object.entries(proxmox(await joinOf())))
      await writeFile(path.join(folder, name), content, { mode: 0o600 });
    // Proxmox has genisoimage, with these options.
    const options = ['-quiet', '-iso-level', '3', '-R', '-V', 'cidata', '-o', disc, folder];
    await tools.run('usr/bin/xorriso', ['-as', 'mkisofs', ...options]);
    await truncate(disc, PROXMOX_BYTES);
    const devices = [
      `-drive if=none,id=cloudinit,media=cdrom,readonly=on,format=raw,file=${disc}`,
      '-device ide-cd,drive=cloudinit',
    ];
    const { console } = await boot('by-proxmox', { devices });
    const disk = await console.expect('the disc', isDisc, 60_000);
    expect(disk.fields).toMatchObject({ device: '/dev/sr0' });
    const file = await console.expect(
      'the network file',
      ({ ev }) => ev === 'network.file',
      60_000,
    );
    expect(file.fields).toMatchObject({ links: ['eth0'] });
  });
});
