import { resultOf, call } from '../call.ts';
import { DEVICES } from './devices.ts';
import type { Features } from './feature.ts';
import { FIRST_USE } from './first-use.ts';
import { LINKS } from './links.ts';
import { NETFILTER } from './netfilter.ts';
import { PROGRAMS } from './programs.ts';

const NEW_NETWORK = 0x40000000;
const ALL: Features = { ...LINKS, ...NETFILTER, ...PROGRAMS, ...DEVICES, ...FIRST_USE };

/** Tries each feature and yields its name and result. Links and rules go with the network namespace of this process. */
export function* tryAll(): Generator<readonly [name: string, result: string]> {
  call('unshare', NEW_NETWORK);
  for (const [name, feature] of Object.entries(ALL)) yield [name, resultOf(feature)];
}
