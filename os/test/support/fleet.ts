import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { parse, stringify } from 'yaml';

import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import type { ControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import type { Kubectl } from '../../src/lab/kubectl.ts';
import { machineDir } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { Machine } from '../../src/lab/qemu/machine.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { configure } from '../../src/media/configure/configure.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { run } from '../../src/workstation/run.ts';

/** What the nodes of a fleet have in common. */
export interface FleetOptions {
  readonly context: CommandContext;
  readonly plane: ControlPlane;
  readonly kubectl: Kubectl;
  /** The disk image of each node. */
  readonly image: string;
  /** Ports of the workstation that the nodes reach besides the API server's. */
  readonly ports: readonly number[];
  /** What the document of each node says of registries. */
  readonly registries: Readonly<Record<string, unknown>>;
  /** A folder for the documents. */
  readonly folder: string;
  /** The node each of whose writes is recorded, from its first boot on. */
  readonly recorded?: string;
}

/** A node's medium before its first boot, and a log of each write to it (blklogwrites). */
export interface Recording {
  readonly before: string;
  readonly log: string;
}

/** Returns where the recording of a node lies. */
export const recordingOf = (name: string): Recording => ({
  before: path.join(machineDir(name), 'before.img'),
  log: path.join(machineDir(name), LOG),
});

const LOG = 'writes.log';

/** Returns the names of a fleet's nodes. */
export const fleetNames = (size: number): string[] =>
  Array.from({ length: size }, (_, index) => `fleet-${index + 1}`);

/** Writes the document of a node into its medium: a machine of a fleet gets nothing from the hypervisor. */
async function configureMedium(name: string, target: string, options: FleetOptions): Promise<void> {
  const { context, plane, registries, folder } = options;
  const { 'user-data': text } = seedFor({
    instanceId: 'unused',
    endpoint: plane.endpointForGuest,
    caCertHash: plane.caCertHash,
    token: await plane.createBootstrapToken(),
    nodeName: name,
  });
  const file = path.join(folder, `${name}.yaml`);
  await writeFile(file, stringify({ ...Object(parse(text)), registries }));
  const wanted = { bootstrap: file };
  await configure(context, { target, wanted, show: false, json: false });
}

/** Nodes of one cluster, each with its own medium. Pods of one node do not reach those of another. */
export class Fleet implements AsyncDisposable {
  readonly #nodes: BootedNode[] = [];

  /** Starts the nodes one after another: an emulator takes a processor to itself while it boots. */
  static async start(names: readonly string[], options: FleetOptions): Promise<Fleet> {
    await using undo = new AsyncDisposableStack();
    const fleet = undo.use(new Fleet());
    for (const name of names) await fleet.#add(name, options);
    undo.move();
    return fleet;
  }

  async #add(name: string, options: FleetOptions): Promise<void> {
    const { plane, kubectl, image, ports, recorded } = options;
    const machine = new Machine(machineDir(name));
    const disk = machine.file('disk');
    await machine.create(image);
    await configureMedium(name, disk, options);
    if (name === recorded) {
      const { before, log } = recordingOf(name);
      await run('cp', ['--sparse=always', '--reflink=auto', disk, before]);
      await writeFile(log, '');
    }
    const node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [plane.apiPort, ...ports],
      ...(name === recorded ? { writeLog: LOG } : {}),
    });
    this.#nodes.push(node);
    await waitReady(node, kubectl, name, options.context.signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { console, machine } of this.#nodes.splice(0)) {
      console[Symbol.dispose]();
      await machine.stop();
    }
  }
}
