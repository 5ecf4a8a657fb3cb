import { describe, expect, it } from 'vitest';

import { type Fault, readNetworkConfig, renderNetworkConfig } from '../../src/index.ts';
import { readVector, vectorFiles, vectorNames } from '../support/vectors.ts';

const formatFault = ({ line, path, what, remedy }: Fault): string =>
  `${line}: ${path}: ${what}. ${remedy}`;

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const has = (file: string): boolean => vectorFiles().includes(file);

describe('a file that is correct gives a configuration:', () => {
  it.each(vectorNames().filter((name) => has(`${name}.json`)))('%s', (name) => {
    const reading = readNetworkConfig(readVector(`${name}.yaml`));
    if (!reading.ok) throw new Error(reading.faults.map(formatFault).join('\n'));
    const { format, config } = reading;
    expect(plain({ format, ...config })).toEqual(JSON.parse(readVector(`${name}.json`)));
    const rendered = renderNetworkConfig(config);
    expect(readNetworkConfig(rendered)).toEqual({ ok: true, format: 'netplan', config });
    expect(renderNetworkConfig(config)).toBe(rendered);
  });
});

describe('a file with faults gives all of them:', () => {
  it.each(vectorNames().filter((name) => has(`${name}.faults`)))('%s', (name) => {
    const reading = readNetworkConfig(readVector(`${name}.yaml`));
    const faults = reading.ok ? [] : reading.faults.map(formatFault);
    expect(faults).toEqual(readVector(`${name}.faults`).trimEnd().split('\n'));
  });
});

it('every file has one expectation, and every expectation its file', () => {
  const names = vectorNames();
  expect(names.length).toBeGreaterThan(60);
  expect(vectorFiles().toSorted()).toEqual(
    names
      .flatMap((name) => [`${name}.yaml`, `${name}.${has(`${name}.json`) ? 'json' : 'faults'}`])
      .toSorted(),
  );
});
