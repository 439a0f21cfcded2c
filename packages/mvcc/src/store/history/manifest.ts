/** One file of history: what of it counts. Bytes behind `bytes` belong to a checkpoint that never completed. */
export interface HistorySegment {
  readonly ordinal: number;
  readonly firstRevision: number;
  readonly lastRevision: number;
  readonly bytes: number;
}

/** The history that a checkpoint names: segments in order of revision. */
export interface HistoryManifest {
  readonly nextOrdinal: number;
  readonly segments: readonly HistorySegment[];
}

export const emptyManifest: HistoryManifest = { nextOrdinal: 1, segments: [] };

/** Without the files that hold only what is compacted. */
export function withoutCompacted(manifest: HistoryManifest, compactRevision: number): HistoryManifest {
  return { ...manifest, segments: manifest.segments.filter(({ lastRevision }) => lastRevision >= compactRevision) };
}

export function segmentName(ordinal: number): string {
  return `${String(ordinal).padStart(16, '0')}.history`;
}

/** The ordinal of a history file; undefined for any other name. */
export function segmentOrdinal(name: string): number | undefined {
  const match = /^(\d{16})\.history$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
