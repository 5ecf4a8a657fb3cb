import { EXIT, KiosError } from '@kios/errors';

/** Returns the error for a command line that says what cannot be meant. */
export const usageError = (message: string, remedy: string): KiosError =>
  new KiosError('KIOS_CLI_USAGE', message, { exitCode: EXIT.usage, remedy });
