import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';

import type { Progress } from './progress.ts';
import { run } from './run.ts';

/** An activity of a command, which decides the Debian packages that it needs. */
export type Need =
  | 'build'
  | 'artefact'
  | 'machine'
  | 'media'
  | 'media-tests'
  | 'unit'
  | 'netns'
  | 'baseline'
  | 'runtimes';

interface WorkstationPackage {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly why: string;
  /** Needed only where the workstation does not run Debian. */
  readonly foreign?: true;
}

/** Every package of the workstation that kiOS uses; the names are those of Debian 12, Debian 13 and Ubuntu. */
export const PACKAGES: readonly WorkstationPackage[] = [
  { name: 'ca-certificates', needs: ['build', 'artefact'], why: 'verifies the download servers' },
  {
    name: 'debian-archive-keyring',
    needs: ['build', 'artefact'],
    why: 'verifies Debian’s packages',
  },
  {
    name: 'debootstrap',
    needs: ['build', 'artefact'],
    why: 'has the address of Debian’s archive',
    foreign: true,
  },
  {
    name: 'git',
    needs: ['build'],
    why: 'reads the day of the newest commit, which is the image’s time',
  },
  { name: 'mtools', needs: ['machine'], why: 'writes the node’s seed volume without root' },
  {
    name: 'e2fsprogs',
    needs: ['machine', 'media-tests', 'netns'],
    why: 'reads and writes the node’s data partition without root',
  },
  { name: 'util-linux', needs: ['media'], why: 'lists the disks of this workstation' },
  { name: 'xz-utils', needs: ['media'], why: 'decompresses disk images' },
  { name: 'fdisk', needs: ['media-tests'], why: 'judges the partition tables of flashed disks' },
  { name: 'mount', needs: ['media-tests', 'netns'], why: 'makes disks out of files' },
  { name: 'openssl', needs: ['machine', 'unit', 'netns'], why: 'makes certificates for tests' },
  { name: 'python3', needs: ['machine'], why: 'runs the checker of the kernel’s hardening' },
  {
    name: 'bubblewrap',
    needs: ['machine', 'runtimes'],
    why: 'ends QEMU together with its network, and keeps measured agents off this system',
  },
  {
    name: 'binutils',
    needs: ['unit', 'runtimes'],
    why: 'reads the programs and EFI files that tests make, and strips runtimes',
  },
  { name: 'kmod', needs: ['unit'], why: 'tests compare the module loader with it' },
  {
    name: 'cryptsetup-bin',
    needs: ['unit', 'netns'],
    why: 'judges the header of encrypted volumes',
  },
  { name: 'dosfstools', needs: ['unit', 'netns'], why: 'makes the FAT volumes of init’s tests' },
  { name: 'swtpm', needs: ['unit', 'netns'], why: 'is the TPM in tests of init' },
  { name: 'iproute2', needs: ['netns'], why: 'makes network namespaces' },
  { name: 'procps', needs: ['netns'], why: 'sets kernel settings in a network namespace' },
  { name: 'strace', needs: ['netns'], why: 'kills an agent between two of its system calls' },
  { name: 'dnsmasq-base', needs: ['netns'], why: 'a real DHCP server to test against' },
  { name: 'nftables', needs: ['netns'], why: 'reads back the rules that cni sets' },
  { name: 'chrony', needs: ['netns'], why: 'a real time server to test against' },
  { name: 'mmdebstrap', needs: ['baseline'], why: 'builds the Debian that kiOS is compared with' },
  { name: 'uidmap', needs: ['baseline'], why: 'lets mmdebstrap run without root' },
];

/** A program that dpkg runs before it starts a service; ours forbids every start, for example chrony's. */
const POLICY = '/usr/sbin/policy-rc.d';

/** Returns the packages for `needs` on a workstation with this os-release. */
export function packagesFor(needs: readonly Need[], osRelease: string): WorkstationPackage[] {
  const debian = /^ID="?debian"?$/m.test(osRelease);
  return PACKAGES.filter(
    (entry) =>
      entry.needs.some((need) => needs.includes(need)) && !(debian && entry.foreign === true),
  );
}

async function installedOf(names: readonly string[]): Promise<Set<string>> {
  // dpkg-query fails when one name is unknown, but still lists the known ones.
  const format = '${binary:Package} ${db:Status-Abbrev}\n';
  const list = await run('sh', [
    '-c',
    `dpkg-query -W -f='${format}' "$@" 2>/dev/null || true`,
    'sh',
    ...names,
  ]);
  const installed = list.split('\n').filter((line) => / ii\s*$/.test(line));
  return new Set(installed.map((line) => line.split(/[ :]/)[0] ?? ''));
}

function missingError(packages: readonly WorkstationPackage[], cause?: unknown): KiosError {
  const names = packages.map(({ name }) => name).join(' ');
  return new KiosError('KIOS_PACKAGES_MISSING', `install the packages ${names}`, {
    ...(cause === undefined ? {} : { cause }),
    exitCode: EXIT.unavailable,
    remedy: `Run as root: apt-get install ${names}.`,
  });
}

/** On a fresh machine its own updates often hold apt's lock, and so does a second `kios`. */
const LOCK_SECONDS = 300;

/** Runs in one root shell. Services do not start; package lists are fetched only when a first try fails. */
const INSTALL = `set -e
export DEBIAN_FRONTEND=noninteractive
if [ ! -e ${POLICY} ]; then
  printf '#!/bin/sh\\nexit 101\\n' >${POLICY}
  chmod 755 ${POLICY}
  trap 'rm -f ${POLICY}' EXIT
  trap 'exit 130' INT TERM
fi
install() {
  apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=${LOCK_SECONDS} "$@"
}
install "$@" || {
  apt-get update
  install "$@"
}`;

/** Lets sudo ask for the password before a progress line can overwrite its prompt. */
async function asRoot(): Promise<readonly string[]> {
  if (process.getuid?.() === 0) return [];
  await execa('sudo', ['true'], { stdio: 'inherit' });
  return ['sudo'];
}

/** Installs the missing packages for `needs`. With KIOS_NO_INSTALL=1 it fails and names them instead. */
export async function ensurePackages(needs: readonly Need[], progress: Progress): Promise<void> {
  const wanted = packagesFor(needs, await readFile('/etc/os-release', 'utf8').catch(() => ''));
  const installed = await installedOf(wanted.map(({ name }) => name));
  const missing = wanted.filter(({ name }) => !installed.has(name));
  if (missing.length === 0) return;
  if (process.env['KIOS_NO_INSTALL'] === '1') throw missingError(missing);
  progress.info('Installing packages of this system:');
  for (const { name, why } of missing) progress.info(`  ${name}: ${why}`);
  const names = missing.map(({ name }) => name);
  try {
    const [program = 'sh', ...args] = [...(await asRoot()), 'sh', '-c', INSTALL, 'sh', ...names];
    await progress.task(`install ${names.join(' ')}`, (note) =>
      run(program, args, { onLine: note }),
    );
  } catch (cause) {
    throw missingError(missing, cause);
  }
}
