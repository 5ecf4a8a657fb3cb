import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { LOADER_FILES } from '../../src/build/image/boot-slots.ts';
import { buildGuard, compileGuard, GUARD_SOURCE } from '../../src/build/image/guard.ts';
import { readLoader } from '../../src/build/image/stub.ts';
import { openToolchain } from '../../src/build/kernel/toolchain.ts';
import { prepareC } from '../../src/build/sources/upstream/sysroot.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { ARCHES } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { EFI_APPLICATION, entrySection, EXECUTABLE, MACHINES, readPe, WRITABLE } from '../support/pe.ts'; // prettier-ignore

vi.setConfig({ testTimeout: 60_000, hookTimeout: 600_000 });

const FIRMWARE = path.resolve(import.meta.dirname, '../support/boot-guard/firmware.c');
/** Statuses of UEFI, with the start that follows a load. */
const STARTS = { returns: '0:8000000000000003', hangs: '0:hang' } as const;
const MISSING = '800000000000000e:0';
const UNSIGNED = '800000000000001a:0';
const NONE = '-';
const OLDER = '\\EFI\\kios\\0041.efi';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-test-guard-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe.each(ARCHES)('the guard for %s', (arch) => {
  it('is an EFI application of a few KiB that firmware can place anywhere', async () => {
    const { bytes } = await buildGuard(arch, silent);
    const pe = readPe(bytes);
    expect(pe).toMatchObject({ machine: MACHINES[arch], subsystem: EFI_APPLICATION, timestamp: 0 });
    expect(bytes.length).toBeLessThan(8192);
    expect(pe.relocationBytes).toBeGreaterThan(0);
    expect(entrySection(pe)?.name).toBe('.text');
  });

  it('has no memory that is both written and executed', async () => {
    const { sections } = readPe((await buildGuard(arch, silent)).bytes);
    expect(sections.map(({ name }) => name)).toEqual(['.text', '.rdata', '.reloc']);
    for (const { flags } of sections) expect(flags & WRITABLE).toBe(0);
    expect(sections.filter(({ flags }) => (flags & EXECUTABLE) !== 0)).toHaveLength(1);
  });

  it('has the same bytes when it is built again, elsewhere', async () => {
    const { bytes } = await buildGuard(arch, silent);
    const again = await mkdtemp(path.join(dir, 'again-'));
    await compileGuard(arch, again, (await openToolchain(silent)).env);
    expect((await readFile(path.join(again, 'guard.efi'))).equals(bytes)).toBe(true);
  });

  it('starts the loader by the name that the medium has, which is Debian’s', async () => {
    const { bytes } = await buildGuard(arch, silent);
    const name = `\\${LOADER_FILES[arch].replaceAll('/', '\\')}\0`;
    expect(bytes.includes(Buffer.from(name, 'utf16le'))).toBe(true);
    const loader = await readLoader(arch, silent);
    expect(readPe(loader.bytes)).toMatchObject({ machine: MACHINES[arch], subsystem: EFI_APPLICATION }); // prettier-ignore
    expect(loader.origin).toMatchObject({ kind: 'deb', name: 'systemd-boot-efi' });
  });
});

describe('the guard, on firmware that tells what is called:', () => {
  const arch = workstationArch();
  const loader = `\\${LOADER_FILES[arch].replaceAll('/', '\\')}`;
  const timer = 'timer 2 of 300 s';
  const reset = ['stall 3 s', 'reset 0 0 0 0'];
  let program: string;

  beforeAll(async () => {
    program = path.join(dir, 'firmware');
    const { env } = await prepareC(arch, silent);
    const words = ['CC', 'CGO_CFLAGS', 'CGO_LDFLAGS'].flatMap((name) => env[name]!.split(' '));
    const [cc = '', ...flags] = words.filter((word) => word !== '-lseccomp');
    const sources = [FIRMWARE, path.join(GUARD_SOURCE, 'guard.c')];
    await run(cc, [...flags, '-static', '-s', `-I${GUARD_SOURCE}`, '-o', program, ...sources]);
  });

  /** Runs the guard with this content of `\loader\fallback`. Returns what it called, without what it printed. */
  async function calls(fallback: string, ...starts: readonly string[]): Promise<string[]> {
    const lines = (await run(program, [fallback, ...starts])).split(/\r?\n/);
    return lines.filter((line) => line !== '' && !line.startsWith('kios: '));
  }

  const begin = ['event 80000200 at level 8', timer, `load ${loader}`];
  const asks = 'open \\loader\\fallback 1 0';

  it('a loader that returns ends in the older system, in time for another try of its own', async () => {
    const older = [asks, timer, `load ${OLDER}`, 'start it', ...reset];
    expect(await calls(OLDER, STARTS.returns, STARTS.returns)).toEqual([
      ...begin,
      'start it',
      ...older,
    ]);
    expect(await calls(`${OLDER}\n`, MISSING, STARTS.returns)).toEqual([...begin, ...older]);
  });

  it('a file without a valid signature is unloaded, never started', async () => {
    const older = [asks, timer, `load ${OLDER}`, 'unload it', ...reset];
    expect(await calls(OLDER, UNSIGNED, UNSIGNED)).toEqual([...begin, 'unload it', ...older]);
  });

  it('the machine resets when there is no older system, or its line is not the one form', async () => {
    const others = ['', 'x', `${OLDER}x`, ` ${OLDER}`, OLDER.slice(0, -1), '/EFI/kios/0041.efi', '\\EFI\\kios\\004x.efi', '\\EFI\\BOOT\\BOOTX64.EFI']; // prettier-ignore
    for (const line of [NONE, ...others])
      expect(await calls(line, STARTS.returns)).toEqual([...begin, 'start it', asks, ...reset]);
  });

  it('a program that hangs is ended by the timer, without a word', async () => {
    const output = await run(program, [OLDER, STARTS.hangs]);
    expect(output.split('\n').at(-1)).toBe('reset 0 0 0 0');
    expect(output).not.toContain('kios:');
  });

  it('says what could not be started, why, and what happens now', async () => {
    const output = await run(program, [OLDER, STARTS.returns, MISSING]);
    const said = output.split(/\r?\n/).filter((line) => line.startsWith('kios: '));
    expect(said).toEqual([
      `kios: cannot start ${loader}, or what it chose: UEFI status 0x8000000000000003 [KIOS_GUARD_LOADER]`,
      'kios: The older system starts.',
      `kios: cannot start ${OLDER}: UEFI status 0x800000000000000e [KIOS_GUARD_FALLBACK]`,
      'kios: The machine resets in 3 s.',
    ]);
  });
});
