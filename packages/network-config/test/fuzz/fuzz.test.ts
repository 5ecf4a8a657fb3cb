import { Random } from '@kios/bytes/testing';
import { describe, expect, it } from 'vitest';

import { type Fault, readNetworkConfig, renderNetworkConfig } from '../../src/index.ts';
import { mutate } from '../support/mutate.ts';
import { readVector, vectorFiles } from '../support/vectors.ts';

const DOCUMENTS = Number(process.env['KIOS_FUZZ_DOCUMENTS'] ?? 3000);
const SEED = Number(process.env['KIOS_FUZZ_SEED'] ?? 2026);

const seeds = vectorFiles()
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => readVector(file));

const isWhole = ({ line, path, what, remedy }: Fault, lines: number): boolean =>
  line > 0 && line <= lines && path !== '' && what !== '' && /^[A-Z].*[.?]$/s.test(remedy);

/** Reads a document, and what was made of it once more. */
function digest(text: string): 'config' | 'faults' {
  const reading = readNetworkConfig(text);
  if (!reading.ok) {
    const lines = text.split('\n').length;
    for (const fault of reading.faults)
      if (!isWhole(fault, lines))
        throw new Error(`a fault says too little: ${JSON.stringify(fault)}`);
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
