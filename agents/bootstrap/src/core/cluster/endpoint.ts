const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/i;
const BYTE = /^(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/;
const LONGEST_NAME = 253;

function ipv6Fault(address: string): string | undefined {
  const isPlain = /^[0-9a-f:.]+$/i.test(address) && URL.canParse(`https://[${address}]`);
  return isPlain ? undefined : 'names no IPv6 address in its brackets';
}

function nameFault(host: string): string | undefined {
  const labels = host.replace(/\.$/, '').split('.');
  // URL takes what ends in a number for an IPv4 address, `5` for 0.0.0.5 and `010` for 8: nobody means that.
  if (/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? ''))
    return labels.length === 4 && labels.every((byte) => BYTE.test(byte))
      ? undefined
      : 'is no IPv4 address';
  return host.length <= LONGEST_NAME && labels.every((label) => LABEL.test(label))
    ? undefined
    : 'is no host and port';
}

function portFault(port: string | undefined): string | undefined {
  if (port === undefined) return undefined;
  return /^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535
    ? undefined
    : 'has a port that is not between 1 and 65535';
}

/** Removes `https://` and a slash at the end, with which some write an endpoint that is `HOST:PORT`. */
export const withoutScheme = (endpoint: string): string =>
  endpoint
    .trim()
    .replace(/^https:\/\//i, '')
    .replace(/\/$/, '');

/** Returns why a text is not `HOST` or `HOST:PORT`; undefined when it is one. An IPv6 address is in brackets. */
export function authorityFault(text: string): string | undefined {
  const [, ipv6, name = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  if (/^\w+:\/\//.test(text)) return 'begins with a scheme that is not https';
  if (text.split(':').length > 2 && ipv6 === undefined)
    return 'is no host and port; an IPv6 address is in brackets';
  if (ipv6 === undefined && name === '') return 'names no host';
  return (ipv6 === undefined ? nameFault(name) : ipv6Fault(ipv6)) ?? portFault(port);
}
