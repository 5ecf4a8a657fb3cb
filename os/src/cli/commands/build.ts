import type { CommandModule } from 'yargs';

import type { KernelName } from '../../build/kernel/kernel-name.ts';
import type { SigningFiles } from '../../build/secure-boot/signer.ts';
import {
  FIRMWARE,
  FIRMWARE_NAMES,
  isFirmwareName,
} from '../../build/sources/debian/firmware-names.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ARCHES, type Arch, type Board, BOARD_ARCH, BOARDS } from '../../workstation/paths.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { kernelOption } from './kernel-option.ts';

interface BuildArgs {
  arch: Arch | undefined;
  board: Board | undefined;
  kernel: KernelName;
  bootstrap: string | undefined;
  firmware: string[];
  image: string[];
  'sign-key': string | undefined;
  'sign-cert': string | undefined;
  enroll: string | undefined;
  'pcr-key': string | undefined;
  'host-programs': boolean | undefined;
}

const uses = Object.entries(FIRMWARE).map(([name, { use }]) => `${name}: ${use}`);

/** Returns the architecture to build for; fails when a board has another one than was asked for. */
function archOf(given: Arch | undefined, board: Board | undefined): Arch {
  if (board === undefined) return given ?? 'amd64';
  const arch = BOARD_ARCH[board];
  if (given === undefined || given === arch) return arch;
  throw usageError(`build for ${board} as ${given}: the board is ${arch}`, 'Leave out --arch.');
}

const imageOption = {
  type: 'string',
  array: true,
  requiresArg: true,
  describe:
    'Image that pods start from without a registry: a reference, or the path of an OCI archive or layout (docs/preload.md)',
} as const;

const signingOptions = {
  'sign-key': {
    type: 'string',
    implies: 'sign-cert',
    describe:
      'Private key (RSA, PEM) that signs what firmware starts, for Secure Boot (docs/secure-boot.md)',
  },
  'sign-cert': {
    type: 'string',
    implies: 'sign-key',
    describe: 'Certificate (PEM) of that key',
  },
  enroll: {
    type: 'string',
    implies: 'sign-key',
    describe: 'Folder of kios keys create, whose keys a machine in setup mode takes',
  },
  'pcr-key': {
    type: 'string',
    requiresArg: true,
    describe:
      'Private key (RSA, PEM) that signs what a TPM measures, for encrypted data partitions (docs/encryption.md)',
  },
} as const;

/** yargs has made sure that there are both or neither. */
const signingOf = (
  key: string | undefined,
  certificate: string | undefined,
): SigningFiles | undefined =>
  key === undefined || certificate === undefined ? undefined : { key, certificate };

export const buildCommand = (context: CommandContext): CommandModule<unknown, BuildArgs> => ({
  command: 'build',
  describe: 'Build the node’s EFI file and disk image into dist/',
  builder: (args) =>
    args
      .option('arch', {
        choices: ARCHES,
        defaultDescription: 'amd64',
        describe: 'Architecture of the node',
      })
      .option('board', {
        choices: BOARDS,
        describe: 'Board without UEFI, in place of an architecture: rpi4 is a Raspberry Pi 4',
      })
      .option('kernel', kernelOption)
      .option('bootstrap', {
        type: 'string',
        describe:
          'Bootstrap in place of ours: a provider, an agent’s folder, or an image that the node pulls',
      })
      .option('firmware', {
        choices: FIRMWARE_NAMES,
        array: true,
        requiresArg: true,
        default: [],
        // yargs compares with `choices` afterwards.
        coerce: (given: string[]) => given.flatMap((names) => names.split(',')),
        describe: `Firmware that is not free: ${uses.join('; ')} (docs/firmware.md)`,
      })
      .option('image', { ...imageOption, default: [] })
      .options(signingOptions)
      .option('host-programs', {
        type: 'boolean',
        describe: 'Build only containerd, runc, kubelet and the CNI plugins, and print their paths',
      })
      .conflicts('host-programs', ['bootstrap', 'board', 'sign-key', 'pcr-key'])
      .conflicts('board', ['sign-key', 'pcr-key'])
      .example('$0 build', 'Build kios.efi and kios.img for a PC')
      .example('$0 build --bootstrap hetzner', 'Build a node that asks only this cloud')
      .example('$0 build --firmware realtek,bnx2x', 'Add files for these cards to modules.erofs')
      .example('$0 build --image docker.io/library/redis:8 --image app.tar', 'Preload two images')
      .example(
        '$0 build --sign-key keys/db.key --sign-cert keys/db.crt',
        'Build what starts with Secure Boot',
      )
      .example('$0 build --pcr-key keys/pcr.key', 'Build what may open an encrypted data partition')
      .example('$0 build --board rpi4', 'Build dist/rpi4/kios.img for a Raspberry Pi 4')
      .example('$0 build --arch arm64 --host-programs', 'Compile the host programs for arm64'),
  handler: async ({ arch: given, board, kernel, bootstrap, firmware, image: images, ...rest }) => {
    const arch = archOf(given, board);
    const { build, buildHostPrograms } = await import('../../build/build.ts');
    if (rest['host-programs'] === true) await buildHostPrograms(context, arch);
    else {
      const names = firmware.filter(isFirmwareName);
      const { enroll } = rest;
      const signing = signingOf(rest['sign-key'], rest['sign-cert']);
      const all = { arch, kernel, bootstrap, board, firmware: names, images, signing, enroll };
      await build(context, { ...all, pcrKey: rest['pcr-key'] });
    }
  },
});
