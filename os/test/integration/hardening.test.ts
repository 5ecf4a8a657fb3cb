import { describe, expect, it } from 'vitest';

import { buildKernel } from '../../src/build/kernel/build.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { compareFailures, readAccepted } from '../../src/checks/hardening/accepted.ts';
import { checkKernel } from '../../src/checks/hardening/check-kernel.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';

/** A kernel that is not cached is built first. */
const BUILD_MS = 60 * 60_000;

describe('kernel-hardening-checker', () => {
  it('finds exactly the accepted failures in configuration, command line and settings', { timeout: BUILD_MS }, async () => {
    await ensurePackages(['build', 'machine'], silent);
    const kernel = await buildKernel('amd64', await openToolroot(silent), silent);
    const checks = await checkKernel('amd64', kernel, silent);
    // The checker read all three inputs.
    expect(new Set(checks.map(({ type }) => type))).toEqual(new Set(['kconfig', 'cmdline', 'sysctl']));
    expect(compareFailures(checks, await readAccepted('amd64'))).toEqual({ unknown: [], gone: [] });
  });
}); // prettier-ignore
