import { describe, expect, it } from 'vitest';

import { readNetworkConfig, renderNetworkConfig } from '../../src/index.ts';
import { mutate } from '../support/mutate.ts';
import { Random } from '../support/random.ts';
import { readVector, vectorFiles } from '../support/vectors.ts';

const DOCUMENTS = Number(process.env['KIOS_FUZZ_DOCUMENTS'] ?? 3000);
const SEED = Number(process.env['KIOS_FUZZ_SEED'] ?? 2026);

const seeds = vectorFiles()
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => readVector(file));

/** Reads a document, and what was made of it once more. */
function digest(text: string): 'config' | 'faults' {
  const reading = readNetworkConfig(text);
  if (!reading.ok) {
    for (const { line, path, what, remedy } of reading.faults) {
      expect(line).toBeGreaterThan(0);
      expect(line).toBeLessThanOrEqual(text.split('\n').length);
      expect(path).not.toBe('');
      expect(what).not.toBe('');
      expect(remedy).toMatch(/^[A-Z].*[.?]$/s);
    }
    expect(reading.faults.length).toBeGreaterThan(0);
    return 'faults';
  }
  const again = readNetworkConfig(renderNetworkConfig(reading.config));
  expect(again).toEqual({ ok: true, format: 'netplan', config: reading.config });
  return 'config';
}

describe(`${DOCUMENTS} documents, seed ${SEED}`, () => {
  it('each give a configuration that survives rendering, or faults', { timeout: 900_000 }, () => {
    const random = new Random(SEED);
    const results = { config: 0, faults: 0 };
    for (let count = 0; count < DOCUMENTS; count += 1) {
      const text = mutate(seeds, random);
      try {
        results[digest(text)] += 1;
      } catch (cause) {
        // Keep the text as vectors/NAME.yaml.
        throw new Error(`document ${count} of seed ${SEED}:\n${text}`, { cause });
      }
    }
    // Noise that is never read, or never refused, would prove nothing.
    expect(results.config).toBeGreaterThan(DOCUMENTS / 20);
    expect(results.faults).toBeGreaterThan(DOCUMENTS / 20);
  });
});
