import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readAccepted } from '../../../../src/checks/hardening/accepted.ts';
import { PROBES } from '../../../../src/checks/hardening/probes.ts';
import {
  allowedTable,
  failureTable,
  deniedTable,
} from '../../../../src/checks/hardening/tables.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const page = await readFile(path.join(repository, 'docs/kernel.md'), 'utf8');

describe('docs/kernel.md', () => {
  it('has the table of denied attempts', () => {
    expect(page).toContain(deniedTable(PROBES));
  });

  it('has the table of allowed attempts', () => {
    expect(page).toContain(allowedTable(PROBES));
  });

  it('has the table of accepted failures', async () => {
    expect(page).toContain(failureTable(await readAccepted()));
  });
});
