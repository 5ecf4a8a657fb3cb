import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

import { run } from '../../../workstation/run.ts';

/** Where the archive is read from. Both hold the suite named in `archive.ts`. */
export interface Mirror {
  readonly main: string;
  readonly security: string;
}

/** The archive the host's own apt uses for `origin`, when the host is a Debian. */
async function hostArchive(label: string): Promise<string | undefined> {
  const format = '$(SITE_LABEL)|$(LABEL)|$(REPO_URI)';
  const targets = await run('apt-get', [
    'indextargets',
    '--format',
    format,
    'Created-By: Packages',
  ]);
  const line = targets.split('\n').find((entry) => entry.split('|')[1] === label);
  return line?.split('|')[2];
}

/** Debian's address in debootstrap: Debian has it in the program; others, whose own is there, in the script of a Debian release. */
export function archiveIn(script: string, program: string): string | undefined {
  const named = /^default_mirror\s+(\S+)/m.exec(script) ?? /^DEF_MIRROR="?([^"\s]+)/m.exec(program);
  return named?.[1]?.match(/^.*\/debian\/?$/)?.[0];
}

async function debootstrapArchive(): Promise<string | undefined> {
  const files = ['/usr/share/debootstrap/scripts/sid', '/usr/sbin/debootstrap'];
  const [script = '', program = ''] = await Promise.all(
    files.map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  return archiveIn(script, program);
}

const withSlash = (uri: string): string => uri.replace(/\/*$/, '/');

/**
 * Finds a Debian archive: `KIOS_DEBIAN_MIRROR`, else the one the host's apt is set up with, else debootstrap's default.
 * The security archive lies beside it under the usual name.
 */
export async function findMirror(): Promise<Mirror> {
  const main =
    process.env['KIOS_DEBIAN_MIRROR'] ??
    (await hostArchive('Debian')) ??
    (await debootstrapArchive());
  if (main === undefined)
    throw new KiosError(
      'KIOS_MIRROR',
      'find a Debian archive: neither apt nor debootstrap names one',
      {
        exitCode: EXIT.unavailable,
        remedy: 'install debootstrap, or set KIOS_DEBIAN_MIRROR to the address of a Debian archive',
      },
    );
  const security =
    process.env['KIOS_DEBIAN_SECURITY_MIRROR'] ??
    (await hostArchive('Debian-Security')) ??
    withSlash(main).replace(/\/debian\/$/, '/debian-security/');
  return { main: withSlash(main), security: withSlash(security) };
}
