export { EXIT, KiosError } from './kios-error.ts';
export type { ExitCode, KiosErrorOptions } from './kios-error.ts';
export { describe, errorCode, sentence } from './describe.ts';
