const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
}; // prettier-ignore
const QUANTITY =
  /^(?<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:(?<suffix>[A-Za-z]{0,2})|e(?<exponent>[+-]?\d+))$/i;

/** Returns the value of a quantity such as `128Mi` (k8s.io/apimachinery/pkg/api/resource); nothing if it is none. */
export function parseQuantity(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  const { number, suffix, exponent } = QUANTITY.exec(String(value))?.groups ?? {};
  if (number === undefined) return undefined;
  if (exponent !== undefined) return Number(number) * 10 ** Number(exponent);
  const scale = SUFFIXES[suffix ?? ''];
  return scale === undefined ? undefined : Number(number) * scale;
}
