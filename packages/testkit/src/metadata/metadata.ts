export type { CloudMachine } from './cloud.ts';
export type { CLOUDS, Served, ServeOptions } from './serve.ts';
export { MetadataService } from './start.ts';
export { type Vice, VICES } from './vice.ts';
