/** Arithmetic on the elliptic curve P-256 (FIPS 186-5), for public values only: nothing here runs in constant time. */

export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
/** Order of the group. */
export const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
export const GENERATOR: Point = {
  x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
};

export const modulo = (value: bigint, by: bigint): bigint => ((value % by) + by) % by;

/** Multiplicative inverse, by the extended Euclidean algorithm. */
export function inverse(value: bigint, by: bigint): bigint {
  let [a, b, x, y] = [modulo(value, by), by, 1n, 0n];
  while (a > 1n) [a, b, x, y] = [b % a, a, y - (b / a) * x, x];
  return modulo(x, by);
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, rest] = [base, exponent]; rest > 0n; rest >>= 1n) {
    if (rest % 2n === 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** The point (x/z², y/z³). Adding points in this form needs no division. */
interface Jacobian extends Point {
  readonly z: bigint;
}

/** https://www.hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-3.html, dbl-2001-b. */
function double({ x, y, z }: Jacobian): Jacobian {
  const delta = (z * z) % P;
  const gamma = (y * y) % P;
  const beta = (x * gamma) % P;
  const alpha = (3n * (x - delta) * (x + delta)) % P;
  const x3 = modulo(alpha * alpha - 8n * beta, P);
  return {
    x: x3,
    y: modulo(alpha * (4n * beta - x3) - 8n * gamma * gamma, P),
    z: modulo((y + z) ** 2n - gamma - delta, P),
  };
}

/** add-2007-bl of the same page; the points must be neither equal nor each other's inverse. */
function addJacobian(one: Jacobian, other: Jacobian): Jacobian {
  const [z1, z2] = [(one.z * one.z) % P, (other.z * other.z) % P];
  const [u1, s1] = [(one.x * z2) % P, (one.y * other.z * z2) % P];
  const h = modulo(other.x * z1 - u1, P);
  const i = (4n * h * h) % P;
  const j = (h * i) % P;
  const r = modulo(2n * (other.y * one.z * z1 - s1), P);
  const v = (u1 * i) % P;
  const x = modulo(r * r - j - 2n * v, P);
  return {
    x,
    y: modulo(r * (v - x) - 2n * s1 * j, P),
    z: modulo(((one.z + other.z) ** 2n - z1 - z2) * h, P),
  };
}

function affine({ x, y, z }: Jacobian): Point {
  const scale = inverse(z, P);
  return { x: modulo(x * scale ** 2n, P), y: modulo(y * scale ** 3n, P) };
}

/** Adds two points that are neither equal nor each other's inverse. */
export const add = (one: Point, other: Point): Point =>
  affine(addJacobian({ ...one, z: 1n }, { ...other, z: 1n }));

export const negate = ({ x, y }: Point): Point => ({ x, y: modulo(-y, P) });

export function multiply(point: Point, by: bigint): Point {
  let result: Jacobian | undefined;
  let power: Jacobian = { ...point, z: 1n };
  for (let rest = by; rest > 0n; rest >>= 1n) {
    if (rest % 2n === 1n) result = result === undefined ? power : addJacobian(result, power);
    power = double(power);
  }
  if (result === undefined) throw new RangeError('multiply a point by 0');
  return affine(result);
}

/** Returns the point with this x and an even y, if one exists. */
export function pointAt(x: bigint): Point | undefined {
  const square = modulo(x * x * x - 3n * x + B, P);
  const root = power(square, (P + 1n) / 4n);
  if (x >= P || (root * root) % P !== square) return undefined;
  return { x, y: root % 2n === 0n ? root : P - root };
}
