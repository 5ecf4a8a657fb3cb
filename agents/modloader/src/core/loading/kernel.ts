/** `loading`: its init function has not returned yet. */
export type ModuleState = 'absent' | 'live' | 'loading' | 'builtin';

/** The kernel as the loader needs it. */
export interface Kernel {
  state(name: string): ModuleState;
  /**
   * Loads one module file; `params` are its parameters as modprobe takes them. Ends with the module's init function,
   * which may sleep. Rejects with a `SyscallError`.
   */
  load(file: string, params: string): Promise<void>;
  /** Names of the modules in memory, whoever loaded them. */
  loaded(): readonly string[];
}
