export { COMMANDS, interpret, SOCKETS } from './commands.ts';
export type { Command, Interpretation, SocketName } from './commands.ts';
export { ControlError, sendCommand } from './send.ts';
export type { SendOptions } from './send.ts';
export { readSysctls, sysctlFault, SYSCTLS_OF_HOST } from './sysctls.ts';
export type { SysctlText } from './sysctls.ts';
