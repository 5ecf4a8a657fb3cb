import { STATE } from '@kios/node-state';

/** Flags that more than one verb has. */

export const SOCKET_FLAG = {
  type: 'string',
  default: `${STATE.chronyDir}/sock/chronyd.sock`,
  describe: "chronyd's command socket",
} as const;

export const OUT_FLAG = {
  type: 'string',
  default: STATE.chronyDir,
  describe: 'Folder for chrony.conf and sources.d; chronyd mounts it at the same path',
} as const;

export const STATE_FLAG = {
  type: 'string',
  default: STATE.time,
  describe: 'State file of the clock',
} as const;

export const FLOOR_FLAGS = {
  floor: {
    type: 'string',
    default: 'auto',
    describe:
      'Time before which the clock is wrong, RFC 3339; auto takes when the image was built, or the saved time',
  },
  saved: {
    type: 'string',
    default: STATE.savedTime,
    describe: 'File that keeps the newest time of the synced clock across boots',
  },
} as const;

export const RENDER_FLAGS = {
  config: {
    type: 'string',
    default: '/etc/kios/time/time.yaml',
    describe: "The operator's configuration; it may be missing",
  },
  'operator-dir': {
    type: 'string',
    default: '/etc/kios/time',
    describe:
      'Folder of the keys and certificates that time.yaml names; chronyd mounts it at the same path',
  },
  'net-dir': {
    type: 'string',
    default: STATE.netDir,
    describe: 'Folder of the leases',
  },
  'platform-dir': {
    type: 'string',
    default: STATE.platformDir,
    describe: 'Folder of platform.json, which names the cloud',
  },
  out: OUT_FLAG,
  socket: SOCKET_FLAG,
  'state-dir': {
    type: 'string',
    default: '/var/lib/kios/chrony',
    describe: "Folder of chronyd's drift file and NTS cookies",
  },
  'chrony-version': {
    type: 'string',
    default: 'auto',
    describe:
      'Version of chronyd that reads the files; auto is the one that this image was built with',
  },
  'allow-public-pool': {
    choices: ['auto', 'true', 'false'] as const,
    default: 'auto' as const,
    describe:
      'Whether public servers (fallbackPools) may be asked; auto: on bare metal beside leases, in a cloud only without another source',
  },
  'ptp-class': {
    type: 'string',
    default: '/sys/class/ptp',
    describe: 'Folder in which the kernel lists precision clocks',
  },
  'ptp-devices': {
    type: 'string',
    default: '/dev',
    describe: 'Folder of the devices of precision clocks',
  },
} as const;
