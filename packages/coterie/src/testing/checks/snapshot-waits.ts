/** What is asked of a member, whether it leads or waits. */
export interface SnapshotParty {
  readonly name: string;
  readonly machine: { readonly disk: { readonly capacityBytes: number }; readonly storeSlowness: number };
  readonly engine: {
    readonly replica?:
      { readonly node: { status(): { readonly firstIndex: number; readonly lastIndex: number } } } | undefined;
  };
}

/**
 * Whether only a snapshot helps this member, and who leads cannot make one: an outsider whose disk is full, or whose
 * store stands still. It leads with the consent of a quorum, whose writes it commits, and nothing of its own waits for
 * that disk, so nobody will take its place (docs/faults.md). Behind a leader on a sound disk nobody may wait in vain.
 */
export function waitsInVain(
  { engine }: SnapshotParty,
  leader: SnapshotParty | undefined,
  core: ReadonlySet<string>,
): boolean {
  const log = leader?.engine.replica?.node.status();
  const own = engine.replica?.node.status();
  if (leader === undefined || log === undefined || own === undefined || core.has(leader.name)) return false;
  const { disk, storeSlowness } = leader.machine;
  return (disk.capacityBytes !== Infinity || storeSlowness > 1) && own.lastIndex < log.firstIndex - 1;
}
