export { awaitClock, type ClockFault, type ClockWait, type Witnessed } from './await-clock.ts';
export { ClockWatch } from './clock-watch.ts';
export { type FloorFiles, FLOOR_FILES, readFloor } from './floor.ts';
export { insanityOf, isSynced, MAX_ERROR_SECONDS } from './judge.ts';
export { lookPause } from './look-pause.ts';
export { leasedTimeServers } from './leased-time-servers.ts';
export { type Reading, readClock } from './reading.ts';
