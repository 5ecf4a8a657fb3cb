import path from 'node:path';

import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import type { Arch, Board } from '../workstation/paths.ts';
import type { Progress } from '../workstation/progress.ts';
import { ensureSpace } from '../workstation/space.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { buildBoardImage } from './image/board-image.ts';
import { buildImage } from './image/build-image.ts';
import type { KernelName } from './kernel/kernel-name.ts';
import { readChoice } from './manifests/bootstrap-choice.ts';
import { readEnrolment } from './secure-boot/enrolment.ts';
import { MeasurementKey } from './secure-boot/measurement-key.ts';
import type { SecureBoot } from './secure-boot/signed-medium.ts';
import { Signer, type SigningFiles } from './secure-boot/signer.ts';
import type { FirmwareName } from './sources/debian/firmware-names.ts';
import { buildUpstream } from './sources/upstream/build.ts';
import { cniPlugins, NODE_PROGRAMS } from './sources/upstream/components.ts';

export interface BuildOptions {
  readonly arch: Arch;
  readonly kernel: KernelName;
  readonly bootstrap: string | undefined;
  /** A board in place of an architecture. */
  readonly board: Board | undefined;
  readonly firmware: readonly FirmwareName[];
  readonly images: readonly string[];
  /** The files of the key and the certificate that sign what firmware starts. */
  readonly signing: SigningFiles | undefined;
  /** Folder of the keys that the medium brings for machines in setup mode. */
  readonly enroll: string | undefined;
  /** The file of the key that signs what a TPM measures. */
  readonly pcrKey: string | undefined;
}

/** Reads the keys before anything is built. */
async function openSecureBoot(
  { signing, enroll }: BuildOptions,
  progress: Progress,
): Promise<SecureBoot | undefined> {
  if (signing === undefined) return undefined;
  const signer = await Signer.open(signing, progress);
  const enrolment =
    enroll === undefined ? undefined : await readEnrolment(enroll, signer.certificate);
  return { signer, enrolment };
}

/** `kios build`. */
export async function build(context: CommandContext, options: BuildOptions): Promise<void> {
  const { arch, kernel, bootstrap, board, firmware, images, pcrKey } = options;
  const { progress, print } = context;
  const choice = bootstrap === undefined ? {} : { bootstrap: readChoice(bootstrap) };
  await ensureSpace();
  await ensurePackages(['build'], progress);
  const secureBoot = await openSecureBoot(options, progress);
  const signed = secureBoot === undefined ? {} : { secureBoot };
  const measured =
    pcrKey === undefined ? {} : { measurementKey: await MeasurementKey.open(pcrKey) };
  const request = { kernel, progress, firmware, images, ...choice, ...signed, ...measured };
  const built =
    board === undefined
      ? await buildImage({ ...request, arch })
      : await buildBoardImage({ ...request, board });
  for (const file of Object.values<string>({ ...built })) print(path.relative(process.cwd(), file));
}

/** `kios build --host-programs`. */
export async function buildHostPrograms(context: CommandContext, arch: Arch): Promise<void> {
  const { progress, print } = context;
  await ensureSpace();
  await ensurePackages(['build'], progress);
  const built = await buildUpstream([...NODE_PROGRAMS, ...(await cniPlugins())], arch, progress);
  const rows = [...built].map(([name, { version, path: file }]) => [name, version, file]);
  for (const line of formatTable(rows)) print(line);
}
