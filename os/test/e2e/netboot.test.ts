import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { Netns, startDnsmasq } from '@kios/testkit';
import * as v from 'valibot';
import { afterEach, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, type BootOptions, powerOn, waitReady } from '../../src/lab/boot.ts';
import { startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { NETBOOT_FILE } from '../../src/lab/qemu/arguments.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 60 * 60_000;
const TEST_MS = 30 * 60_000;
/** Firmware fetches 142 MiB, over TFTP in a hundred thousand replies. */
const FETCH_MS = 15 * 60_000;
const STEP_MS = 5 * 60_000;
/** The root stays in memory, and so does what a data partition would hold. */
const MEMORY = { memoryMiB: 2560, cpus: 2 } as const;
const NODE = 'diskless';
const SERVER = '10.77.0.1';

const Capacity = v.object({
  status: v.object({ capacity: v.record(v.string(), v.string()) }),
});
/** The configuration with which kubelet runs. */
const Configz = v.object({
  kubeletconfig: v.object({ evictionHard: v.record(v.string(), v.string()) }),
});

const progress = progressOn({ write: (text) => process.stdout.write(text) });
let efi: string;
let node: BootedNode | undefined;

/** Gives the machine no disk, and a folder with the EFI file. */
async function diskless(): Promise<string> {
  const machine = labMachine();
  await machine.create();
  const folder = path.join(machine.dir, 'served');
  await mkdir(folder);
  await run('cp', ['--reflink=auto', efi, path.join(folder, NETBOOT_FILE)]);
  return folder;
}

/** Powers the machine on and waits until its DHCP pod has a lease. */
async function lease(options: Omit<BootOptions, 'accelerator' | 'memoryMiB' | 'cpus'>) {
  const accelerator = await chooseAccelerator();
  node = await powerOn(labMachine(), { accelerator, ...MEMORY, ...options });
  const kernel = await node.console.expect('the kernel', MILESTONES.kernel.reachedBy, FETCH_MS);
  const seconds = (kernel.seenAt - node.running.startedAt) / 1000;
  progress.info(`firmware and kernel: ${seconds.toFixed(0)} s`);
  for (const { name, reachedBy } of [MILESTONES.runtime, MILESTONES.firstPod, MILESTONES.lease])
    await node.console.expect(name, reachedBy, STEP_MS);
  return node;
}

await describeRecorded('netboot', () => {
  beforeAll(async () => {
    await ensurePackages(['build', 'machine', 'netns'], progress);
    await down(silent, { purge: true });
    ({ efi } = await buildImage({ arch: 'amd64', progress }));
  }, BUILD_MS);

  afterEach(async () => {
    node?.console[Symbol.dispose]();
    node = undefined;
    await down(silent, { purge: true });
  }, 120_000);

  it('kios.efi alone starts over TFTP and is Ready from memory', { timeout: TEST_MS }, async () => {
    await diskless();
    const plane = await startControlPlane({ progress });
    const kubectl = await Kubectl.open(plane.adminKubeconfig);
    const join = {
      instanceId: 'kios-diskless',
      endpoint: plane.endpointForGuest,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
      nodeName: NODE,
    };
    const started = await lease({
      startFrom: { tftp: 'served' },
      seed: seedFor(join, { sysctls: { 'vm.nr_hugepages': 4 } }),
      workstationPorts: [plane.apiPort],
    });
    await plane.setNodeForward(NODE_ADDRESS, started.running.kubeletPort);
    await waitReady(started, kubectl, NODE, AbortSignal.timeout(TEST_MS));
    // What the node's own programs keep in RAM is no news.
    expect(started.console.events.map(({ ev }) => ev)).not.toContain('volatile.folder');
    const inMemory = started.console.events.find(({ ev }) => ev === 'data.ram');
    expect(inMemory?.fields['reason']).toBe('none');
    const { status } = v.parse(Capacity, await kubectl.get('node', NODE));
    expect(status.capacity['hugepages-2Mi']).toBe('8Mi');
    const running = await kubectl.call(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/configz`]);
    const { evictionHard } = v.parse(Configz, JSON.parse(running)).kubeletconfig;
    expect(evictionHard).toMatchObject({ 'imagefs.available': '30%', 'nodefs.available': '10%' });
  });

  it('kios.efi alone starts by UEFI HTTP boot and gets a lease', { timeout: TEST_MS }, async () => {
    const folder = await diskless();
    await using netns = await Netns.open('httpboot');
    await netns.exec('ip', 'tuntap', 'add', 'tap0', 'mode', 'tap');
    await netns.exec('ip', 'address', 'add', `${SERVER}/24`, 'dev', 'tap0');
    await netns.exec('ip', 'link', 'set', 'tap0', 'up');
    const serve = ['-u', '-m', 'http.server', '8080', '--bind', SERVER, '--directory', folder];
    const web = netns.start('python3', serve);
    await web.expect('Serving HTTP');
    const dhcp = await startDnsmasq(netns, {
      interface: 'tap0',
      range: '10.77.0.10,10.77.0.20,255.255.255.0,10m',
      extra: [
        // Firmware takes an offer as one of HTTP boot only when it says so in return.
        '--dhcp-vendorclass=set:http,HTTPClient',
        '--dhcp-option-force=tag:http,60,HTTPClient',
        `--dhcp-boot=tag:http,http://${SERVER}:8080/${NETBOOT_FILE}`,
      ],
    });
    await lease({ startFrom: { tap: 'tap0' }, netns: netns.name, workstationPorts: [] });
    expect(web.lines.filter((line) => line.includes(`GET /${NETBOOT_FILE}`))).not.toEqual([]);
    expect(dhcp.lines.some((line) => line.includes('vendor class: HTTPClient'))).toBe(true);
  });
});
