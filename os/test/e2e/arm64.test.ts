import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { buildKernel, type BuiltKernel } from '../../src/build/kernel/build.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { compareFailures, readAccepted } from '../../src/checks/hardening/accepted.ts';
import { checkKernel } from '../../src/checks/hardening/check-kernel.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { machineDir, NODE_ADDRESS } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { Machine } from '../../src/lab/qemu/machine.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 80 * 60_000;
const BOOT_MS = 30 * 60_000;
const STEP_MS = 10 * 60_000;
const NODE = 'arm64-node';

const progress = progressOn({ write: (text) => process.stdout.write(text) });

await describeRecorded('arm64', () => {
  const machine = new Machine(machineDir('arm64'), 'arm64');
  let kernel: BuiltKernel;
  let image: string;
  let node: BootedNode | undefined;

  beforeAll(async () => {
    await ensurePackages(['build', 'machine'], progress);
    await down(silent, { purge: true });
    kernel = await buildKernel('arm64', await openToolroot(progress), progress);
    ({ image } = await buildImage({ arch: 'arm64', progress }));
  }, BUILD_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await machine.stop();
    await down(silent, { purge: true });
  }, 120_000);

  it('has a kernel that is hardened as described', async () => {
    const checks = await checkKernel('arm64', kernel, progress);
    const accepted = await readAccepted('arm64');
    expect(compareFailures(checks, accepted)).toEqual({ unknown: [], gone: [] });
  });

  it('boots through UEFI and is Ready', { timeout: BOOT_MS }, async () => {
    await machine.create(image);
    const plane = await startControlPlane({ progress });
    const kubectl = await Kubectl.open(plane.adminKubeconfig);
    const seed = seedFor({
      instanceId: 'kios-arm64',
      endpoint: plane.endpointForGuest,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
      nodeName: NODE,
    });
    node = await powerOn(machine, {
      accelerator: 'tcg',
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [plane.apiPort],
      seed,
    });
    const { console } = node;
    const started = await console.expect('the kernel', MILESTONES.kernel.reachedBy, STEP_MS);
    expect(started.fields['kernel']).toBe(kernel.version);
    for (const { name, reachedBy } of [MILESTONES.runtime, MILESTONES.firstPod, MILESTONES.lease])
      await console.expect(name, reachedBy, STEP_MS);
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BOOT_MS));
    const info = await kubectl.call(['get', 'node', NODE, '-o', 'jsonpath={.status.nodeInfo.architecture}']); // prettier-ignore
    expect(info.trim()).toBe('arm64');
    const modules = await console.expect(
      'modloader',
      ({ agent, ev }) => agent === 'modloader' && ev === 'ready',
      STEP_MS,
    );
    expect(modules.fields['failed']).toBe(0);
  });
});
