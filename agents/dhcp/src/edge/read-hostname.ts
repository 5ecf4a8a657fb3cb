import { readFileSync } from 'node:fs';

import { isDomainName } from '../core/domain-list.ts';

/** The first line of the host's name file if it is a host name; undefined lets the server name us. */
export function readHostname(file: string): string | undefined {
  try {
    const name = readFileSync(file, 'utf8').split('\n', 1)[0]?.trim() ?? '';
    return isDomainName(name) ? name : undefined;
  } catch {
    return undefined;
  }
}
