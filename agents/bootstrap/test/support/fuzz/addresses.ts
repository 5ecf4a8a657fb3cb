/*
 * The addresses that a person sees in a text. It shares no code with the agent, which it judges.
 */

const ADDRESS =
  /(?<mark>https:\/\/|\w*endpoint["']?\s*:\s*["']?)?(?<![\w.-])(?<host>\[[0-9a-f:.]+\]|[a-z0-9](?:[-a-z0-9.]*[a-z0-9.])?)(?::(?<port>\d+))?/gi;

const urlOf = (host: string): string =>
  host.startsWith('[') && URL.canParse(`https://${host}`)
    ? new URL(`https://${host}`).hostname
    : host.toLowerCase().replace(/\.$/, '');

/** Returns whether a word reads as an address: behind `https://` or a key that says so, with a port, or with dots. */
const isAddress = (host: string, mark: string | undefined, port: string | undefined): boolean =>
  mark !== undefined || port !== undefined || /[.[]/.test(host);

function hasAddress(text: string, host: string, port: string): boolean {
  for (const { groups = {} } of text.matchAll(ADDRESS)) {
    const found = groups['host'] ?? '';
    if (urlOf(found) !== host || !isAddress(found, groups['mark'], groups['port'])) continue;
    const given = groups['port'];
    if (given === undefined ? port === '443' || port === '6443' : Number(given) === Number(port))
      return true;
  }
  return false;
}

/** Returns whether an endpoint, `https://host:port`, stands in a text as an address, quoted as a shell or YAML may. */
export function standsIn(text: string, endpoint: string): boolean {
  const { hostname, port } = new URL(endpoint);
  const visible = text.replaceAll(/[\u200B-\u200D\u2060\uFEFF]/g, '');
  const number = port === '' ? '443' : port;
  const host = hostname.replace(/\.$/, '');
  return [visible, visible.replaceAll(/\\(?=\S)|["']/g, '')].some((read) =>
    hasAddress(read, host, number),
  );
}
