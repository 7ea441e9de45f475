import type { Position } from '#domain/feed/position.ts'
import type { CompactionStep } from '#store/port.ts'
import { assert, type Connection, type Value } from './connection.ts'
import { feedState } from './feed.ts'

export function feedFloor(db: Connection): Position {
  const row = db.get<readonly [Position]>('SELECT floor FROM feed')
  assert(row !== undefined, 'the feed has no row')
  return row[0]
}

/** Lifts below the floor: whatever has the name of one, and came before it, is over. */
const LIFTED = `SELECT subject, position FROM feed_entry INDEXED BY feed_entry_over
  WHERE op IN ('lift', 'epoch') AND op = 'lift' AND position < ? ORDER BY position LIMIT ?`

const EPOCHS = `SELECT position FROM feed_entry INDEXED BY feed_entry_over
  WHERE op IN ('lift', 'epoch') AND op = 'epoch' AND position < ? ORDER BY position LIMIT ?`

/** Feed keys stay all: trust follows from one to the next. */
const REPLACED = `SELECT position FROM feed_entry AS old INDEXED BY feed_entry_key
  WHERE op = 'key' AND position < ?1 AND EXISTS (
    SELECT 1 FROM feed_entry AS new INDEXED BY feed_entry_subject
    WHERE new.subject = old.subject AND new.op = 'key'
      AND old.position < new.position AND new.position < ?1
  ) AND CAST(bytes AS TEXT) ->> '$.purpose' IS NOT 'feed'
  ORDER BY position LIMIT ?2`

/**
 * Revocations that have ended as a whole: every part of a long list, and the end of the block, lies
 * below the floor and had its `until` before the bound. A block has none before its end, and an end
 * of a block without one never ends.
 */
const ENDED = `SELECT subject, ?1 - 1 FROM feed_entry AS entry INDEXED BY feed_entry_until
  WHERE op IN ('revoke', 'unblock') AND until_s < ?2 AND position < ?1 AND NOT EXISTS (
    SELECT 1 FROM feed_entry AS part INDEXED BY feed_entry_subject
    WHERE part.subject = entry.subject AND part.op IN ('revoke', 'unblock') AND (
      ?1 <= part.position OR ?2 <= part.until_s OR (part.until_s IS NULL AND (
        part.op = 'unblock' OR NOT EXISTS (
          SELECT 1 FROM feed_entry AS over INDEXED BY feed_entry_subject
          WHERE over.subject = part.subject AND over.op = 'unblock'
        )
      ))
    )
  ) ORDER BY until_s, position LIMIT ?3`

/**
 * In order, so that where the limit cuts a revocation short, what takes away (its lift, the end of its
 * block) outlives what it takes away from.
 */
const REMOVE = `DELETE FROM feed_entry WHERE position IN (
    SELECT position FROM feed_entry INDEXED BY feed_entry_subject
    WHERE subject = ? AND position <= ? AND op IN ('revoke', 'unblock', 'lift')
    ORDER BY position LIMIT ?
  )`

const RAISE = 'UPDATE feed SET floor = ?1 WHERE floor < ?1'

export function compactFeed(db: Connection, step: CompactionStep): number {
  const { position } = feedState(db)
  assert(step.floor <= position, `the floor ${step.floor} is above the feed, at ${position}`)
  db.run(RAISE, [step.floor])
  const floor = feedFloor(db)
  let left = step.limit
  const removeNamed = (sql: string, ...values: Value[]): void => {
    for (const [subject, upTo] of db.all<readonly [string, Position]>(sql, [...values, left])) {
      left -= db.run(REMOVE, [subject, upTo, left])
    }
  }
  const removeAt = (sql: string): void => {
    for (const [at] of db.all<readonly [Position]>(sql, [floor, left])) {
      left -= db.run('DELETE FROM feed_entry WHERE position = ?', [at])
    }
  }
  removeNamed(LIFTED, floor)
  removeAt(EPOCHS)
  removeAt(REPLACED)
  removeNamed(ENDED, floor, step.endedBeforeSeconds)
  return step.limit - left
}

export function isCompactionDue(
  db: Connection,
  { floor, endedBeforeSeconds }: Omit<CompactionStep, 'limit'>,
): boolean {
  const now = feedFloor(db)
  if (now < floor) return true
  const finds = (sql: string, values: Value[]): boolean => db.get(sql, values) !== undefined
  return (
    finds(LIFTED, [now, 1]) ||
    finds(EPOCHS, [now, 1]) ||
    finds(REPLACED, [now, 1]) ||
    finds(ENDED, [now, endedBeforeSeconds, 1])
  )
}
