import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

import { run } from '../../../workstation/run.ts';

/** Addresses of the archives that have the suite in `archive.ts`. */
export interface Mirror {
  readonly main: string;
  readonly security: string;
}

/** Finds the archive with this label that the workstation's own apt uses; undefined when there is none. */
async function workstationArchive(label: string): Promise<string | undefined> {
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

/**
 * Finds Debian's mirror in debootstrap. On Debian it is the program's default; derivatives replace that default, but
 * keep Debian's in the release script.
 */
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
 * Finds a Debian archive: `KIOS_DEBIAN_MIRROR`, or the one of the workstation's apt, or debootstrap's default. The
 * security archive is beside it under its usual name, unless apt or `KIOS_DEBIAN_SECURITY_MIRROR` names another.
 */
export async function findMirror(): Promise<Mirror> {
  const main =
    process.env['KIOS_DEBIAN_MIRROR'] ??
    (await workstationArchive('Debian')) ??
    (await debootstrapArchive());
  if (main === undefined)
    throw new KiosError(
      'KIOS_MIRROR',
      'find a Debian archive: neither apt nor debootstrap names one',
      {
        exitCode: EXIT.unavailable,
        remedy:
          'Install debootstrap, or set KIOS_DEBIAN_MIRROR to the address of a Debian archive.',
      },
    );
  const security =
    process.env['KIOS_DEBIAN_SECURITY_MIRROR'] ??
    (await workstationArchive('Debian-Security')) ??
    withSlash(main).replace(/\/debian\/$/, '/debian-security/');
  return { main: withSlash(main), security: withSlash(security) };
}
