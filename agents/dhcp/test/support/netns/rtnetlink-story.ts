import { openRtnetlink } from '@kios/netlink';

import { playStory } from '../rtnetlink-contract.ts';

process.stdout.write(`${JSON.stringify(await playStory(openRtnetlink()))}\n`);
