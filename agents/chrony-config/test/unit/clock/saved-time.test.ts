import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { SavedTime } from '../../../src/edge/clock/saved-time.ts';

const BUILT = Date.parse('2026-11-01T00:00:00Z');
const DAY_MS = 24 * 3600_000;
const console = { send: () => {}, close: () => Promise.resolve() };
const log = createLogger('test', { console, stdout: { write: () => true } });

describe('SavedTime', () => {
  let dir = '';
  let file = '';
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'kios-saved-'));
    file = path.join(dir, 'saved-time');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('keeps the first time and the last, and no earlier one', async () => {
    const saved = new SavedTime(file, BUILT, log);
    expect(saved.floor).toBe(BUILT);
    const kept = (): number => Date.parse(readFileSync(file, 'utf8').trim()) - BUILT;
    await saved.keep(BUILT + DAY_MS);
    expect([kept(), saved.floor - BUILT]).toEqual([DAY_MS, DAY_MS]);
    await saved.keep(BUILT + DAY_MS + 1000);
    expect(kept()).toBe(DAY_MS);
    await saved.keep(BUILT + DAY_MS + 2000, true);
    expect(kept()).toBe(DAY_MS + 2000);
    await saved.keep(BUILT + 1000, true);
    expect(kept()).toBe(DAY_MS + 2000);
  });
});
