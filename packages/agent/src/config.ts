import { EXIT, KiosError } from '@kios/errors';

/** A fault in a configuration file. The message names the file, the path in it and the fault. */
export class ConfigError extends KiosError {
  constructor(message: string, options: ErrorOptions = {}) {
    super('KIOS_CONFIG', message, { ...options, exitCode: EXIT.config });
  }
}
