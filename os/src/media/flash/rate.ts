import { formatDuration } from '../../workstation/terminal/duration.ts';
import { formatDiskSize } from '../../workstation/terminal/size.ts';

/** Formats how far a piece of work is: `42 %, 660.6 MB of 1.6 GB, 23.1 MB/s, 40.7 s left`. */
export function formatRate(done: number, total: number | undefined, elapsedMs: number): string {
  const perMs = elapsedMs > 0 ? done / elapsedMs : 0;
  const rate = `${formatDiskSize(Math.round(perMs * 1000))}/s`;
  if (total === undefined || total === 0) return `${formatDiskSize(done)}, ${rate}`;
  const left = perMs > 0 ? [`${formatDuration((total - done) / perMs)} left`] : [];
  const percent = Math.floor((done / total) * 100);
  return [
    `${percent} %`,
    `${formatDiskSize(done)} of ${formatDiskSize(total)}`,
    rate,
    ...left,
  ].join(', ');
}
