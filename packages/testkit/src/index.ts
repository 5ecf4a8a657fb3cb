export { startChronyd } from './chronyd.ts';
export { type DnsmasqOptions, startDnsmasq } from './dnsmasq.ts';
export { freePort } from './free-port.ts';
export { Lan, Netns, Wire } from './netns.ts';
export { requireRoot } from './require-root.ts';
export { startInRoot } from './chroot.ts';
export { RunningProcess } from './running-process.ts';
export { type Runtime, runtimes, shippedRuntime } from './runtimes.ts';
export { startTcpFlow } from './tcp-flow.ts';
