import { hash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterEach, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { commandLine } from '../../src/build/kernel/command-line.ts';
import { kernelSource } from '../../src/build/kernel/source.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { Console } from '../../src/lab/qemu/console.ts';
import type { Machine, StartOptions } from '../../src/lab/qemu/machine.ts';
import { freePort } from '../../src/workstation/free-port.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { type Font, parseFont, screenText } from '../support/screen-text.ts';
import { serveHttp } from '../support/serve-http.ts';

const BUILD_MS = 60 * 60_000;
const TEST_MS = 25 * 60_000;
const STEP_MS = 12 * 60_000;
const LOOK = { timeout: STEP_MS, interval: 1000 } as const;

const EFI = 'kios.efi';

/** The command line of the image without its consoles. */
const words = (): string[] =>
  commandLine('amd64')
    .split(' ')
    .filter((word) => !word.startsWith('console='));

/** ACPI's table that names the serial port at this I/O address, at 115200 baud, with the checksum that ACPI wants. */
function portTable(address: number): Buffer {
  const table = Buffer.alloc(80);
  table.write('SPCR', 0);
  table.writeUInt32LE(table.length, 4);
  table.writeUInt8(2, 8);
  table.write('KIOS  TEST    ', 10);
  table.writeUInt8(1, 40);
  table.writeUInt8(8, 41);
  table.writeBigUInt64LE(BigInt(address), 44);
  table.writeUInt8(7, 58);
  const sum = table.reduce((total, byte) => (total + byte) & 0xff, 0);
  table.writeUInt8((256 - sum) & 0xff, 9);
  return table;
}

const SECOND_PORT = 0x2f8;

await describeRecorded('console', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let built: { readonly image: string; readonly efi: string };
  let font: Font;

  beforeAll(async () => {
    await ensurePackages(['build', 'machine'], progress);
    await down(silent, { purge: true });
    built = await buildImage({ arch: 'amd64', progress });
    const { dir } = await kernelSource(await openToolroot(progress), progress);
    font = parseFont(await readFile(path.join(dir, 'lib/fonts/font_8x16.c'), 'utf8'));
  }, BUILD_MS);

  afterEach(() => down(silent, { purge: true }), 120_000);

  type Options = Pick<StartOptions, 'screen' | 'withoutPorts' | 'acpiTable'> & {
    readonly words?: readonly string[];
    readonly workstationPorts?: readonly number[];
  };

  async function power(machine: Machine, options: Options & Pick<StartOptions, 'startFrom'>) {
    const { words: extra = [], workstationPorts = [], ...rest } = options;
    await machine.start({
      accelerator: await chooseAccelerator(),
      memoryMiB: 2560,
      cpus: 2,
      kubeletPort: await freePort(),
      commandLine: extra,
      workstationPorts,
      ...rest,
    });
    return machine;
  }

  async function boot(options: Options): Promise<Machine> {
    const machine = labMachine();
    await machine.create(built.image);
    return power(machine, options);
  }

  /** Boots from memory, with another command line than the image's. */
  async function bootWith(kernelWords: readonly string[], options: Options): Promise<Machine> {
    const machine = labMachine();
    await machine.create();
    await run('cp', ['--reflink=auto', built.efi, path.join(machine.dir, EFI)]);
    if (options.acpiTable !== undefined)
      await writeFile(path.join(machine.dir, options.acpiTable), portTable(SECOND_PORT));
    const startFrom = { efi: EFI, kernelCommandLine: kernelWords.join(' ') };
    return power(machine, { ...options, startFrom });
  }

  /** Looks at the screen until all of this has been on it, at one time or another. Returns its last rows. */
  async function look(machine: Machine, ...wanted: readonly (string | RegExp)[]) {
    const missing = new Set(wanted);
    let rows: string[] = [];
    await expect
      .poll(async () => {
        rows = screenText(await machine.photograph(), font);
        const text = rows.join('');
        for (const what of missing) if (text.search(what) >= 0) missing.delete(what);
        return [...missing];
      }, LOOK)
      .toEqual([]);
    return rows;
  }

  it(
    'a screen alone shows the events, a fault, and where the node is',
    { timeout: TEST_MS },
    async () => {
      const machine = await boot({ screen: true, withoutPorts: true, words: ['kios.logport=/dev/ttyS9'] }); // prettier-ignore
      const [status = '', ...rows] = await look(
        machine,
        /"ev":"init\.start","version":"\d/,
        /"lvl":"warn","agent":"init","ev":"logport\.failed"/,
        /kube-system\/dhcp-kios-\w+: \{.*"ev":"lease\.bound"/,
        /^ kiOS \d+\.\d+\.\d+  \|  kios-\w{8}  \|  10\.0\.2\.15(?:, [\da-f:]+)?  \|  standalone /,
      );
      process.stdout.write(`${[status, ...rows].map((row) => row.trimEnd()).join('\n')}\n`);
      expect(rows.join('')).not.toContain('kiOS 0.');
    },
  );

  it('the port that firmware names shows the events too', { timeout: TEST_MS }, async () => {
    const machine = await bootWith(commandLine('amd64').split(' '), { acpiTable: 'spcr.aml' });
    for (const file of ['console', 'hostLogs'] as const) {
      using port = new Console(machine.file(file));
      const { name, reachedBy } = MILESTONES.init;
      await port.expect(name, reachedBy, STEP_MS);
      const started = port.events.filter(({ ev }) => ev === 'init.start');
      expect([file, started.length]).toEqual([file, 1]);
    }
  });

  it('a fault in the first stage is on every console', { timeout: TEST_MS }, async () => {
    const broken = commandLine('amd64').replace('rootfstype=ramfs', 'rootfstype=tmpfs').split(' ');
    const machine = await bootWith(broken, { screen: true, acpiTable: 'spcr.aml' });
    await look(machine, /"ev":"fatal","code":"KIOS_INIT_ROOT"/);
    for (const file of ['console', 'hostLogs'] as const)
      expect(await readFile(machine.file(file), 'utf8')).toContain('"code":"KIOS_INIT_ROOT"');
  });

  it(
    'a panic of the kernel is on the screen and on the first port',
    { timeout: TEST_MS },
    async () => {
      const machine = await bootWith([...commandLine('amd64').split(' '), 'rdinit=/none'], { screen: true }); // prettier-ignore
      await look(machine, /Kernel panic - not syncing/);
      expect(await readFile(machine.file('console'), 'utf8')).toContain('Kernel panic');
    },
  );

  it('without any console the node runs its pods', { timeout: TEST_MS }, async () => {
    const asked: string[] = [];
    const document = 'nothing';
    await using server = await serveHttp((request, response) => {
      asked.push(request.url ?? '');
      response.end(document);
    });
    const { port } = new URL(server.url);
    const url = `http://${WORKSTATION_SEEN_BY_GUEST}:${port}/node.yaml#sha256=${hash('sha256', document)}`;
    // The kernel has no such port, and takes none that is not named.
    const machine = await bootWith(['console=hvc7', ...words(), `kios.config=${url}`], {
      withoutPorts: true,
      workstationPorts: [Number(port)],
    });
    await expect.poll(() => asked, LOOK).toContain('/node.yaml');
    await expect(readFile(machine.file('console'))).rejects.toThrow('ENOENT');
  });
});
