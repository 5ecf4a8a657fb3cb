import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { runOnHost } from '../../src/lab/debug-pod.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { CABLES } from '../../src/lab/qemu/arguments.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { configureNetwork } from '../support/lan/network-medium.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const NODE = 'by-network-file';

/** Two cards in a bond with a fixed address, and a VLAN on it. */
const NETWORK = `network:
  version: 2
  ethernets:
    cards: {match: {driver: virtio_net}}
  bonds:
    bond0:
      interfaces: [cards]
      parameters: {mode: active-backup, mii-monitor-interval: 100}
      addresses: [${NODE_ADDRESS}/24]
      routes: [{to: default, via: 10.0.2.2}]
      nameservers: {addresses: [10.0.2.3], search: [lab.example]}
  vlans:
    bond0.7: {id: 7, link: bond0, addresses: [192.0.2.9/24, "2001:db8:7::9/64"]}
`;

// A node whose medium has a network file.
await describeRecorded('network', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let node: BootedNode;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    const machine = labMachine();
    await machine.create(image);
    const wanted = { hostname: NODE, network: NETWORK };
    await configureNetwork(machine.file('disk'), wanted, plane, progress);
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      twoCards: true,
      workstationPorts: [plane.apiPort],
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
  }, 120_000);

  const readOnHost = async (...files: readonly string[]): Promise<string> =>
    runOnHost(kubectl, {
      nodeName: NODE,
      command: [
        '/bin/bun',
        '-e',
        `for (const file of ${JSON.stringify(files)}) process.stdout.write(require('node:fs').readFileSync(file, 'utf8'))`,
      ],
    });

  const health = (): Promise<string> =>
    kubectl.call(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/healthz`, '--request-timeout=5s']);
  const reached = (): Promise<string> => vi.waitFor(health, { timeout: 300_000, interval: 1000 });

  it('joins with the fixed address of its bond', { timeout: 400_000 }, async () => {
    const path = '{.status.addresses[?(@.type=="InternalIP")].address}';
    const address = await kubectl.call(['get', 'node', NODE, '-o', `jsonpath=${path}`]);
    expect(address).toBe(NODE_ADDRESS);
  });

  it(
    'has both cards in the bond, and the VLAN with its addresses',
    { timeout: 400_000 },
    async () => {
      const said = await readOnHost(
        '/proc/net/bonding/bond0',
        '/proc/net/vlan/config',
        '/proc/net/fib_trie',
        '/proc/net/if_inet6',
      );
      expect(said.match(/^Slave Interface:/gm)).toHaveLength(2);
      expect(said).toMatch(/^bond0\.7\s+\| 7\s+\| bond0/m);
      expect(said).toContain('192.0.2.9');
      expect(said).toContain('20010db8000700000000000000000009');
    },
  );

  it('is reached while either cable is pulled', { timeout: 900_000 }, async () => {
    for (const cable of CABLES) {
      await node.machine.setCable(cable, false);
      expect(await reached()).toBe('ok');
      await node.machine.setCable(cable, true);
      expect(await reached()).toBe('ok');
    }
  });
});
