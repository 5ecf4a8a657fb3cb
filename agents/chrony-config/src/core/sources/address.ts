const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
const LABEL = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/;

const isIpv4 = (text: string): boolean => IPV4.test(text) && !text.endsWith('.');

/** Returns an IP address in its canonical form; undefined for other text and for IPv6 addresses with a zone. */
export function canonicalIp(text: string): string | undefined {
  if (isIpv4(text)) return text;
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(':')) return undefined;
  const url = `http://[${text}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

export const isIpv6 = (ip: string): boolean => ip.includes(':');

type Rule = readonly [kind: RegExp, why: string];

/** Over canonical addresses: RFC 4291 §2.4 to §2.7, §2.5.5; RFC 2765 §2.1. */
const RULES_V6: readonly Rule[] = [
  [/^::1?$/, 'it is this node'],
  [/^::[0-9a-f]{1,4}$/, 'it is an IPv4 address in the form of IPv6'],
  [/^ff/, 'it is a multicast address'],
  [/^fe[89ab]/, 'it is a link-local address, which means nothing without its link'],
  [/^::(?:ffff:(?:0:)?)?[0-9a-f]{1,4}:[0-9a-f]{1,4}$/, 'it is an IPv4 address in the form of IPv6'],
];

/** Returns the reason why an IP address cannot be a node's time server; undefined when it can. */
export function unusable(ip: string): string | undefined {
  if (isIpv6(ip)) return RULES_V6.find(([kind]) => kind.test(ip))?.[1];
  const first = Number(ip.split('.', 1)[0]);
  if (first === 0 || first === 127) return 'it is this node';
  return first >= 224 ? 'it is a multicast or reserved address' : undefined;
}

/** Returns whether an address is the loopback's, where a program of the node's own may serve time. */
export const isLoopback = (ip: string): boolean => ip === '::1' || ip.startsWith('127.');

/** Returns whether the text is a host name (RFC 1123) and cannot be an IPv4 address. */
export function isHostname(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > 253 || /^[\d.]+$/.test(name)) return false;
  return name.split('.').every((label) => LABEL.test(label));
}
