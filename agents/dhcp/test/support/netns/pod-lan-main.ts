import { createLogger } from '@kios/agent';
import { openRtnetlink } from '@kios/netlink';

import { readBootId } from '../../../src/edge/kernel/clock.ts';
import { PodLan } from '../../../src/edge/pods/pod-lan.ts';

/** Serves pods on br0 alone, as the agent does beside the host's own address. */
const [folder = '', bootId = ''] = process.argv.slice(2);
const rtnetlink = openRtnetlink();
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const lan = new PodLan(
  {
    bridge: 'br0',
    uplink: 'eth0',
    acceptRa: 2,
    lanDir: `${folder}/kios/lan`,
    stateDir: `${folder}/state`,
    platformDir: `${folder}/platform`,
    bootId: bootId || readBootId(),
    minLeaseSeconds: 0,
  },
  { rtnetlink, log: createLogger('dhcp') },
);
await lan.run(stop.signal);
rtnetlink.close();
