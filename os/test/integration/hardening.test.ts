import { readFile } from 'node:fs/promises';

import { describe, expect, it } from 'vitest';

import { openToolroot } from '../../src/debian/toolroot.ts';
import { compareFailures, readAccepted } from '../../src/hardening/accepted.ts';
import { checkHardening } from '../../src/hardening/checker.ts';
import { formatSettings, readSettings } from '../../src/hardening/settings.ts';
import { ensurePackages } from '../../src/host/packages.ts';
import { silent } from '../../src/host/progress.ts';
import { commandLine } from '../../src/image/command-line.ts';
import { buildKernel } from '../../src/kernel/build.ts';

/** A kernel that is not in the cache is built first. */
const BUILD_MS = 60 * 60_000;

describe('kernel-hardening-checker', () => {
  it('finds in configuration, command line and settings what is accepted, no more and no less', { timeout: BUILD_MS }, async () => {
    await ensurePackages(['build', 'machine'], silent);
    const kernel = await buildKernel('amd64', await openToolroot(silent), silent);
    const checks = await checkHardening(
      {
        config: await readFile(kernel.config, 'utf8'),
        commandLine: commandLine('amd64'),
        sysctls: formatSettings(await readSettings()),
      },
      silent,
    );
    // The checker found all three parts.
    expect(new Set(checks.map(({ type }) => type))).toEqual(new Set(['kconfig', 'cmdline', 'sysctl']));
    expect(compareFailures(checks, await readAccepted('amd64'))).toEqual({ unknown: [], gone: [] });
  });
}); // prettier-ignore
