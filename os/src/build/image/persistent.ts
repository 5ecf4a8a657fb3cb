/**
 * Folders of the host whose content pods expect after a reboot; they may hold programs. docs/host-api.md section 3, and
 * `packages/host-api/vectors/persistent.json` for init.
 */
export const PERSISTENT = [
  '/var',
  '/opt',
  '/mnt',
  '/srv',
  '/home',
  '/root',
  '/usr/libexec',
  '/usr/local',
  '/usr/share',
] as const;
