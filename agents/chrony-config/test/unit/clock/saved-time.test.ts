import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  const floorWith = async (text: string): Promise<number> => {
    writeFileSync(file, text);
    return (await SavedTime.open(file, BUILT, log)).floor;
  };

  it('is the floor of the clock when it can be right', async () => {
    expect(await floorWith(`${new Date(BUILT + DAY_MS).toISOString()}\n`)).toBe(BUILT + DAY_MS);
  });

  it.each([
    ['before the build time', '2026-10-01T00:00:00.000Z'],
    ['decades later, which would stop the clock for good', '2999-01-01T00:00:00.000Z'],
    ['no time', 'now'],
    ['empty', ''],
  ])('is ignored when it is %s', async (_, text) => {
    expect(await floorWith(text)).toBe(BUILT);
  });

  it('keeps the first time and the last, and no earlier one', async () => {
    const saved = await SavedTime.open(file, BUILT, log);
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
