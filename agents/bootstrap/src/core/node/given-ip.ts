const BYTE = String.raw`(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])`;
const IPV4 = new RegExp(String.raw`^${BYTE}(?:\.${BYTE}){3}$`);

const isV6 = (address: string): boolean => address.includes(':');

const isAddress = (text: string): boolean =>
  isV6(text) ? /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]`) : IPV4.test(text);

/** Asks for the machine's first address of a family, whichever that is. */
const isAny = (address: string): boolean => /^(?:0\.0\.0\.0|[0:]+)$/.test(address);

/** Returns why kubelet would not take a text as `--node-ip`, with which it would not start; `auto` is ours. */
export function nodeIpFault(given: string): string | undefined {
  if (given === 'auto') return undefined;
  const [first = '', second, ...others] = given.split(',');
  const addresses = [first, ...(second === undefined ? [] : [second])];
  if (others.length > 0 || !addresses.every(isAddress))
    return 'must be auto, or one or two addresses';
  if (second === undefined) return undefined;
  if (isV6(first) === isV6(second)) return 'must have one address of each family';
  return addresses.some(isAny) ? 'must not have 0.0.0.0 or :: beside another address' : undefined;
}
