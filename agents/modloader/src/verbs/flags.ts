import type { Argv } from '@kios/agent';
import { STATE } from '@kios/node-state';

const CONFIG_DIRS = [
  '/etc/kios/modules/modprobe.d',
  '/etc/modprobe.d',
  '/run/modprobe.d',
  '/usr/lib/modprobe.d',
];

/** The flags of every verb that reads the module index. */
// oxlint-disable-next-line typescript/explicit-module-boundary-types -- yargs infers it
export const sessionFlags = (args: Argv) =>
  args
    .option('modules-dir', {
      type: 'string',
      default: '/lib/modules',
      describe: 'Folder with one folder of modules per kernel release',
    })
    .option('kernel', {
      type: 'string',
      default: 'auto',
      describe: 'Kernel release; auto is the running kernel',
    })
    .option('config-dir', {
      type: 'string',
      array: true,
      default: CONFIG_DIRS,
      describe: 'Folder of modprobe.d files; of equal file names the first folder wins',
    })
    .option('ignore-install', {
      type: 'boolean',
      default: false,
      describe: 'Load modules in spite of install lines in modprobe.d, which are never run',
    })
    .option('policy', {
      type: 'string',
      default: '/etc/kios/modules/modules.yaml',
      describe: 'File that lists modules to load and to deny, and their parameters',
    });

/** The profiles that `load` and `run` load. */
export const PROFILE_FLAG = {
  type: 'string',
  default: '',
  describe: 'Profiles of modules to load, comma-separated',
} as const;

/** How many modules are loaded at a time. */
export const JOBS_FLAG = {
  type: 'number',
  describe: 'Modules to load at a time; by default as many as processors, two to four',
} as const;

export const LOAD_DIR_FLAG = {
  type: 'string',
  default: '/etc/modules-load.d',
  describe: 'Folder of modules-load.d files, which name modules to load',
} as const;

export const STATUS_FILE_FLAG = {
  type: 'string',
  default: STATE.modules,
  describe: 'Status file of `run`',
} as const;

/** What a verb waits for besides drivers. */
export interface WaitArgs {
  readonly waitFor: readonly string[];
  /** Seconds. */
  readonly timeout: number;
}

export const WAIT_FLAGS = {
  'wait-for': {
    type: 'string',
    array: true,
    nargs: 1,
    default: [] as string[],
    describe: 'net:NAME or path:/…, which has to be there too; may be repeated',
  },
  timeout: {
    type: 'number',
    default: 10,
    describe: 'Seconds to wait for --wait-for; `run` says then what is missing, and waits on',
  },
} as const;
