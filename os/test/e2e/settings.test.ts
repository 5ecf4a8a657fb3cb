import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;

/**
 * A document that joins no cluster, with a fault in each of its settings: kubelet's field has the right type, by which
 * bootstrap judges, and a value with which kubelet does not start.
 */
const DOCUMENT = `apiVersion: kios.dev/v1
kind: NodeBootstrap
node: {name: settings}
sysctls: {vm.swappiness: 10, vm.nr_hugepages: 4, vm.none: 1, kernel.modprobe: /bin/sh}
kubelet: {config: {maxPods: -1}}
files:
  - {path: /etc/kios/modules/modules.yaml, content: "load: [{name: dummy}, nbd]"}
  - {path: /etc/kios/time/time.yaml, content: "server: [a]"}
`;

// A standalone node whose document has faults.
await describeRecorded('settings', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let node: BootedNode | undefined;

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    const machine = labMachine();
    await machine.create(image);
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [],
      seed: { 'meta-data': 'instance-id: i-1\n', 'user-data': DOCUMENT },
    });
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
  }, 120_000);

  const says = (ev: string, of: string, value: string) =>
    node!.console.expect(
      `${ev} with ${of} ${value}`,
      (event) => event.ev === ev && event.fields[of] === value,
      600_000,
    );

  it('names each, and runs with the rest', { timeout: 900_000 }, async () => {
    await says('setting.fault', 'code', 'KIOS_BOOTSTRAP_SYSCTL');
    await says('sysctl.refused', 'name', 'vm.none');
    const { fields } = await says('setting.fault', 'code', 'KIOS_MODULE_SETTING');
    expect(fields).toMatchObject({ line: 1, path: 'load.1' });
    await says('setting.fault', 'code', 'KIOS_TIME_SETTING');
    expect(node!.console.events.map(({ ev }) => ev)).toContain('lease.bound');
  });

  it('goes back to the files with which kubelet ran', { timeout: 900_000 }, async () => {
    await says('rollback', 'code', 'KIOS_BOOTSTRAP_KUBELET');
    const since = node!.console.events.findLastIndex(({ ev }) => ev === 'rollback');
    await node!.console.expect(
      'kubelet serves again',
      (event) => event.ev === 'kubelet.ready' && node!.console.events.lastIndexOf(event) > since,
      300_000,
    );
    const refused = node!.console.events.filter(({ ev }) => ev === 'kubelet.drop-ins');
    expect(refused).toEqual([]);
  });
});
