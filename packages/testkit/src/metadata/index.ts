export type { CloudMachine } from './cloud.ts';
export { serve, type Served, type ServeOptions } from './serve.ts';
export { MetadataService } from './start.ts';
export { FAULT_KINDS, type FaultMode } from './fault-mode.ts';
