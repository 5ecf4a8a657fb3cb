export { STATE } from './paths.ts';
export { Lease, Route } from './lease.ts';
export { Lease6 } from './lease6.ts';
export { BootState, KubeletState, Release } from './boot.ts';
export { ClusterState } from './cluster.ts';
export { FaultsState } from './faults.ts';
export { HostState } from './host.ts';
export { ModulesStatus } from './modules.ts';
export { NetworkStatus } from './network-status.ts';
export { NodeState } from './node.ts';
export { PlatformState } from './platform.ts';
export { SlotsState } from './slots.ts';
export { isSane, TimeState } from './time.ts';
export {
  formatState,
  readState,
  readStateIfThere,
  readLeases,
  readLeases6,
  StateError,
} from './read-state.ts';
