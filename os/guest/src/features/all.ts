import { answerTo, call } from '../call.ts';
import { DEVICES } from './devices.ts';
import type { Features } from './feature.ts';
import { LINKS } from './links.ts';
import { NETFILTER } from './netfilter.ts';
import { PROGRAMS } from './programs.ts';

const NEW_NETWORK = 0x40000000;
const ALL: Features = { ...LINKS, ...NETFILTER, ...PROGRAMS, ...DEVICES };

/** Each feature's name and answer. Links and rules are made in a network namespace that ends with this process. */
export function* tryAll(): Generator<readonly [name: string, answer: string]> {
  call('unshare', NEW_NETWORK);
  for (const [name, feature] of Object.entries(ALL)) yield [name, answerTo(feature)];
}
