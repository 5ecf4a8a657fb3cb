import { createECDH } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { add, GENERATOR, inverse, multiply, negate, ORDER, pointAt } from '../../../../src/build/formats/p256.ts'; // prettier-ignore

const scalar = fc.bigInt({ min: 2n, max: ORDER - 2n });
const hex = (value: bigint): string => value.toString(16).padStart(64, '0');

it('multiplies the generator as OpenSSL does', () => {
  fc.assert(
    fc.property(scalar, (by) => {
      const ecdh = createECDH('prime256v1');
      ecdh.setPrivateKey(Buffer.from(hex(by), 'hex'));
      const { x, y } = multiply(GENERATOR, by);
      expect(ecdh.getPublicKey('hex')).toBe(`04${hex(x)}${hex(y)}`);
    }),
    { numRuns: 20 },
  );
});

it('adds points consistently with multiplication', () => {
  fc.assert(
    fc.property(scalar, scalar, (one, other) => {
      fc.pre(one !== other && one + other !== ORDER);
      const sum = add(multiply(GENERATOR, one), multiply(GENERATOR, other));
      expect(sum).toEqual(multiply(GENERATOR, (one + other) % ORDER));
    }),
    { numRuns: 20 },
  );
});

it('finds the point at an x, or none where none exists', () => {
  const point = multiply(GENERATOR, 7n);
  expect([point, negate(point)]).toContainEqual(pointAt(point.x));
  const hits = Array.from({ length: 64 }, (_, x) => pointAt(BigInt(x))).filter(Boolean);
  expect(hits.length).toBeGreaterThan(16);
  expect(hits.length).toBeLessThan(48);
});

it('inverts numbers', () => {
  fc.assert(
    fc.property(scalar, (a) => {
      expect((a * inverse(a, ORDER)) % ORDER).toBe(1n);
    }),
  );
});
