import { resultOf, call } from '../call.ts';
import { DEVICES } from './devices.ts';
import type { Features } from './feature.ts';
import { FIRST_USE } from './first-use.ts';
import { LINKS } from './links.ts';
import { NETFILTER } from './netfilter.ts';
import { PROGRAMS } from './programs.ts';
import { RARE_FEATURES } from './rare.ts';
import { SOCKETS } from './sockets.ts';

const NEW_NETWORK = 0x40000000;
const ALL: Features = { ...LINKS, ...SOCKETS, ...NETFILTER, ...PROGRAMS, ...DEVICES, ...FIRST_USE };

type Results = Generator<readonly [name: string, result: string]>;

/** Tries each feature and yields its name and result. Links and rules go with the network namespace of this process. */
function* tryEach(features: Features): Results {
  call('unshare', NEW_NETWORK);
  for (const [name, feature] of Object.entries(features)) yield [name, resultOf(feature)];
}

export const tryAll = (): Results => tryEach(ALL);

/** Tries what needs the modules that are only in modules.erofs. */
export const tryRare = (): Results => tryEach(RARE_FEATURES);
