import { STATE } from '@kios/node-state';

/** Flags that more than one verb has. */

export const SOCKET_FLAG = {
  type: 'string',
  default: `${STATE.chronyDir}/sock/chronyd.sock`,
  describe: "chronyd's command socket",
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
  out: {
    type: 'string',
    default: STATE.chronyDir,
    describe: 'Folder for chrony.conf and sources.d; chronyd mounts it at the same path',
  },
  socket: SOCKET_FLAG,
  'state-dir': {
    type: 'string',
    default: '/var/lib/kios/chrony',
    describe: "Folder of chronyd's drift file and NTS cookies",
  },
  'chrony-version': {
    type: 'string',
    default: '4.6',
    describe: 'Version of chronyd that reads the files',
  },
  'leap-seconds': {
    type: 'string',
    describe: "Leap second list in chronyd's image; none by default",
  },
} as const;
