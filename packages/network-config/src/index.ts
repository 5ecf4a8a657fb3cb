export type { Fault } from './fault.ts';
export type * from './model/model.ts';
export { type Format, type Reading, readNetworkConfig } from './read.ts';
export { nearest } from './values/names.ts';
export { renderNetworkConfig } from './render.ts';
export { severalCards } from './several.ts';
export { type Field, netplanFields } from './schema/fields.ts';
