/** Why a store is to be built anew. */
export interface Condemned {
  readonly reason: string;
  /** Where its last checkpoint stood, 0 when that is not known: the log must reach so far, or it is damaged too. */
  readonly checkpoint: number;
  /** Its bytes may be sound: a majority of the members holds another state. */
  readonly differs: boolean;
}

export function encodeCondemned({ reason, checkpoint, differs }: Condemned): Uint8Array {
  return Buffer.from(JSON.stringify([reason, checkpoint, differs]), 'utf8');
}

/** That the note is there is what counts: one that cannot be read condemns as well. */
export function decodeCondemned(bytes: Uint8Array): Condemned {
  try {
    const [reason, checkpoint, differs] = JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown[];
    if (typeof reason === 'string' && Number.isSafeInteger(checkpoint)) {
      return { reason, checkpoint: checkpoint as number, differs: differs !== false };
    }
  } catch {
    // No JSON, or no list.
  }
  return { reason: 'not known, the note of it is damaged', checkpoint: 0, differs: true };
}
