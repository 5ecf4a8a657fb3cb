const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.|$)){4}$/;
const LABEL = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/;

const isIpv4 = (text: string): boolean => IPV4.test(text) && !text.endsWith('.');

/** The one spelling of an IP address; undefined for anything else, an IPv6 address with a zone among it. */
export function canonicalIp(text: string): string | undefined {
  if (isIpv4(text)) return text;
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(':')) return undefined;
  const url = `http://[${text}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}

/** Why an address can be no time server of a node; undefined when it can. */
export function unusable(ip: string): string | undefined {
  if (ip.includes(':')) {
    if (ip === '::' || ip === '::1') return 'it is this node';
    return ip.startsWith('ff') ? 'it is a multicast address' : undefined;
  }
  const first = Number(ip.split('.', 1)[0]);
  if (first === 0 || first === 127) return 'it is this node';
  return first >= 224 ? 'it is a multicast or reserved address' : undefined;
}

/** A host name as RFC 1123 has it; nothing of an address. */
export function isHostname(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > 253 || /^[\d.]+$/.test(name)) return false;
  return name.split('.').every((label) => LABEL.test(label));
}
