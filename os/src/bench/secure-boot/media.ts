import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { FIRST_GENERATION } from '../../build/image/boot-slots.ts';
import { buildImage } from '../../build/image/build-image.ts';
import { makeDisk } from '../../build/image/disk.ts';
import { efiMediumFiles } from '../../build/image/efi-medium.ts';
import { buildGuard } from '../../build/image/guard.ts';
import { sourceTime } from '../../build/image/source-state.ts';
import { storedFile } from '../../build/image/stored-files.ts';
import { type BootProgram, readLoader, readStub } from '../../build/image/stub.ts';
import { DEFAULT_KERNEL } from '../../build/kernel/kernel-name.ts';
import { readEnrolment } from '../../build/secure-boot/enrolment.ts';
import { createKeys } from '../../build/secure-boot/keys.ts';
import { type SecureBoot, signedProgram, writeEfi } from '../../build/secure-boot/signed-medium.ts';
import { Signer } from '../../build/secure-boot/signer.ts';
import { openToolroot, type Toolroot } from '../../build/sources/debian/toolroot.ts';
import { KIOS } from '../../build/versions.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { repository } from '../../workstation/paths.ts';
import { initrdBytes, rootBeside, smallSystem } from './small-system.ts';

/** The systems that are compared: nobody signed the first, and the root is beside the EFI file of the last. */
export const SYSTEMS = ['unsigned', 'signed', 'small'] as const;
export type SystemName = (typeof SYSTEMS)[number];

/** A disk with a system on it. */
export interface Medium {
  readonly disk: string;
  readonly efiBytes: number;
  readonly initrdBytes: number;
  readonly besideBytes: number;
}

export type Media = Readonly<Record<SystemName, Medium>>;

/** What the media share. */
interface Workshop {
  readonly dir: string;
  readonly time: number;
  readonly tools: Toolroot;
  readonly guard: BootProgram;
  readonly loader: BootProgram;
}

/** Makes keys of a machine's owner, which sign and which the medium brings. */
async function makeKeys(context: CommandContext, dir: string): Promise<SecureBoot> {
  const folder = path.join(dir, 'keys');
  const quiet = { ...context, print: () => {} };
  await createKeys(quiet, { folder, from: undefined, microsoft: false });
  const files = { key: path.join(folder, 'db.key'), certificate: path.join(folder, 'db.crt') };
  const signer = await Signer.open(files, context.progress);
  return { signer, enrolment: await readEnrolment(folder, signer.certificate) };
}

interface System {
  readonly efi: Buffer;
  /** File of the root beside it. */
  readonly beside?: string;
  readonly secureBoot?: SecureBoot;
}

async function makeMedium(
  { dir, time, tools, guard, loader }: Workshop,
  name: SystemName,
  { efi, beside, secureBoot }: System,
): Promise<Medium> {
  const file = path.join(dir, `${name}.efi`);
  await writeEfi(file, efi, secureBoot);
  const boot = efiMediumFiles({
    arch: 'amd64',
    efi: file,
    version: KIOS,
    guard: await signedProgram(guard, dir, secureBoot),
    loader: await signedProgram(loader, dir, secureBoot),
    enrolment: secureBoot?.enrolment,
  });
  const root = beside === undefined ? undefined : storedFile(beside);
  const origin = { name: 'kios', version: KIOS, kind: 'kios' } as const;
  if (root !== undefined) boot.file(`/${rootBeside(FIRST_GENERATION)}`, 0o644, root, origin);
  const disk = path.join(dir, `${name}.img`);
  await makeDisk({ out: disk, boot, time, tools });
  return {
    disk,
    efiBytes: await storedFile(file).size(),
    initrdBytes: initrdBytes(efi),
    besideBytes: (await root?.size()) ?? 0,
  };
}

/** Makes the media in a folder that `undo` removes. */
export async function makeMedia(context: CommandContext): Promise<Media> {
  const { progress, undo } = context;
  const out = path.join(repository, 'dist', `bench-${DEFAULT_KERNEL}`);
  const built = await buildImage({ arch: 'amd64', kernel: DEFAULT_KERNEL, progress, out });
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-bench-media-'));
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  const workshop: Workshop = {
    dir,
    time: await sourceTime(),
    tools: await openToolroot(progress),
    guard: await buildGuard('amd64', progress),
    loader: await readLoader('amd64', progress),
  };
  const secureBoot = await makeKeys(context, dir);
  const efi = await readFile(built.efi);
  const { bytes: stub } = await readStub('amd64', progress);
  // The build may go on in its folder while this measures.
  const beside = path.join(dir, 'root.erofs');
  await writeFile(beside, await readFile(built.root));
  const small = { efi: await smallSystem(efi, stub, beside), beside, secureBoot };
  return progress.task('media', async () => ({
    unsigned: await makeMedium(workshop, 'unsigned', { efi }),
    signed: await makeMedium(workshop, 'signed', { efi, secureBoot }),
    small: await makeMedium(workshop, 'small', small),
  }));
}
