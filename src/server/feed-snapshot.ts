import type { Caller, Deps } from '#app/deps.ts'
import { admitFollower, type Snapshot, snapshotFor } from '#app/follow.ts'

const utf8 = new TextEncoder()
const LINE_END = utf8.encode('\n')

/**
 * A snapshot as it travels: `{"head":…}`, then the stored bytes of each entry in force, a line each.
 * Refusals: as `admitFollower` and `issueHead`.
 */
export async function snapshotLines(
  deps: Deps,
  caller: Caller,
  incarnation: string,
): Promise<AsyncIterable<Uint8Array>> {
  const follower = await admitFollower(deps, caller, { incarnation })
  return linesOf(await snapshotFor(deps, follower))
}

async function* linesOf({ head, entries }: Snapshot): AsyncIterable<Uint8Array> {
  yield utf8.encode(`${JSON.stringify({ head })}\n`)
  for await (const page of entries) yield joined(page.flatMap(({ bytes }) => [bytes, LINE_END]))
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
