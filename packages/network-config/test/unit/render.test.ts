import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';

import { type NetworkConfig, readNetworkConfig, renderNetworkConfig } from '../../src/index.ts';
import { document } from '../support/arbitrary.ts';

function configOf(text: string): NetworkConfig {
  const reading = readNetworkConfig(text);
  if (!reading.ok) throw new Error(`${JSON.stringify(reading.faults, null, 1)}\n${text}`);
  return reading.config;
}

/** Many documents are read, which takes seconds on a busy machine. */
const SLOW_MS = 30_000;

/** The same document with the keys of each map in another order. */
function turn(tree: unknown): unknown {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return tree;
  const turned = Object.entries(tree).toReversed();
  return Object.fromEntries(turned.map(([key, value]) => [key, turn(value)]));
}

it(
  'a rendered configuration reads as itself and is rendered the same',
  () => {
    fc.assert(
      fc.property(document, (tree) => {
        const config = configOf(stringify(tree));
        const rendered = renderNetworkConfig(config);
        expect(configOf(rendered)).toEqual(config);
        expect(renderNetworkConfig(configOf(rendered))).toBe(rendered);
      }),
      { numRuns: 60 },
    );
  },
  SLOW_MS,
);

it(
  'the order of links in the file makes no difference',
  () => {
    fc.assert(
      fc.property(document, (tree) => {
        const turned = turn(tree);
        expect(configOf(stringify(turned))).toEqual(configOf(stringify(tree)));
      }),
    );
  },
  SLOW_MS,
);

it('each link stands behind those that it is made of', () => {
  const text = `
network:
  version: 2
  bridges: {a: {interfaces: [b]}}
  vlans: {b: {id: 5, link: c}}
  bonds: {c: {interfaces: [z]}}
  ethernets: {z: {}}`;
  expect(configOf(text).links.map(({ id }) => id)).toEqual(['z', 'c', 'b', 'a']);
});
