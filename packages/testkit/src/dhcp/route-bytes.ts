/** Encodes a classless route for servers without a type for it: prefix length, significant bytes, router. RFC 3442. */
export function routeBytes([destination, via]: readonly [string, string]): number[] {
  const [network = '', prefix = '32'] = destination.split('/');
  const significant = network.split('.').slice(0, Math.ceil(Number(prefix) / 8));
  return [prefix, ...significant, ...via.split('.')].map(Number);
}
