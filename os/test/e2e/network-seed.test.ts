import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const NODE = 'by-network-config';

/** As a hypervisor writes it: without the key `network` around it. */
const NETWORK_CONFIG = `version: 2
ethernets:
  lan:
    match: {driver: virtio_net}
    addresses: [${NODE_ADDRESS}/24]
    routes: [{to: default, via: 10.0.2.2}]
    nameservers: {addresses: [10.0.2.3]}
`;

// A node whose seed volume has a network-config.
await describeRecorded('network-seed', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let kubectl: Kubectl;
  let boot: () => Promise<BootedNode>;
  let node: BootedNode | undefined;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    const plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    const machine = labMachine();
    await machine.create(image);
    const accelerator = await chooseAccelerator();
    const seed = {
      ...seedFor({
        instanceId: 'i-1',
        endpoint: plane.endpointForGuest,
        caCertHash: plane.caCertHash,
        token: await plane.createBootstrapToken(),
        nodeName: NODE,
      }),
      'network-config': NETWORK_CONFIG,
    };
    boot = async () => {
      const workstationPorts = [plane.apiPort];
      const booted = await powerOn(machine, {
        accelerator,
        memoryMiB: 2048,
        cpus: 2,
        workstationPorts,
        seed,
      });
      await plane.setNodeForward(NODE_ADDRESS, booted.running.kubeletPort);
      return booted;
    };
    node = await boot();
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
  }, 120_000);

  /** Events of a boot whose network comes from the file alone. */
  async function expectTheFile(): Promise<readonly (string | undefined)[]> {
    const { fields } = await node!.console.expect(
      'the network file',
      ({ ev }) => ev === 'network.file',
      300_000,
    );
    expect(fields).toMatchObject({ links: ['lan'] });
    const events = node!.console.events.map(({ ev }) => ev);
    expect(events).not.toContain('lease.bound');
    return events;
  }

  it('joins with its fixed address, and asks no DHCP server', { timeout: 400_000 }, async () => {
    const where = '{.status.addresses[?(@.type=="InternalIP")].address}';
    expect(await kubectl.call(['get', 'node', NODE, '-o', `jsonpath=${where}`])).toBe(NODE_ADDRESS);
    expect(await expectTheFile()).not.toContain('seed.ignored');
  });

  it('keeps it when the volume no longer counts', { timeout: 900_000 }, async () => {
    const { machine, console } = node!;
    await qmp(machine.dir, MACHINE_FILES.qmp, 'system_powerdown');
    await console.expect('the end of the stop', ({ ev }) => ev === 'shutdown.end', 300_000);
    await vi.waitFor(async () => expect(await machine.running()).toBeUndefined(), {
      timeout: 300_000,
      interval: 100,
    });
    console[Symbol.dispose]();
    node = await boot();
    const seen = await node.console.expect(
      'the volume',
      ({ ev }) => ev === 'seed.ignored',
      300_000,
    );
    expect(seen.fields).toMatchObject({ label: 'cidata' });
    await node.console.expect('kubelet', ({ ev }) => ev === 'kubelet.ready', 300_000);
    await expectTheFile();
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(600_000));
  });
});
