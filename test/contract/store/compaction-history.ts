import fc from 'fast-check'
import { expect } from 'vitest'
import type { FeedEntry } from '#domain/feed/entry.ts'
import { createLiveState } from '#domain/feed/live-state.ts'
import type { LiveState } from '#domain/feed/live.ts'
import { ORIGIN, type Position } from '#domain/feed/position.ts'
import { readRecord } from '#domain/feed/read-record.ts'
import type { Store, Writing } from '#store/port.ts'
import { append, compact, isDue, key, openEpoch, revoke, rows, unblock } from './feed-steps.ts'

type Step =
  | { readonly op: 'revoke'; readonly parts: number; readonly until: number | null }
  | { readonly op: 'unblock' | 'lift'; readonly which: number; readonly until: number }
  | { readonly op: 'key'; readonly which: number; readonly state: 'active' | 'retired' }
  | { readonly op: 'epoch' }
  | { readonly op: 'compact'; readonly part: number; readonly by: number; readonly limit: number }

const seconds = fc.integer({ min: 1, max: 60 })
const which = fc.nat({ max: 5 })
export const history = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record<Step & { op: 'revoke' }>({
        op: fc.constant('revoke'),
        parts: fc.integer({ min: 1, max: 3 }),
        until: fc.option(seconds),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record<Step & { op: 'unblock' | 'lift' }>({
        op: fc.constantFrom('unblock', 'lift'),
        which,
        until: seconds,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record<Step & { op: 'key' }>({
        op: fc.constant('key'),
        which,
        state: fc.constantFrom('active', 'retired'),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ op: 'epoch' }) },
    {
      weight: 3,
      arbitrary: fc.record<Step & { op: 'compact' }>({
        op: fc.constant('compact'),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
        by: fc.nat({ max: 20 }),
        limit: fc.integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { minLength: 5, maxLength: 40 },
)

/** Plays a history, with compactions in it, and looks after each of them at what is left. */
export async function play(store: Store, steps: readonly Step[]): Promise<void> {
  const made: { readonly id: string; isBlock: boolean; isLifted: boolean }[] = []
  const all: FeedEntry[] = []
  let now = 1
  for (const step of steps) {
    if (step.op === 'compact') {
      now += step.by
      const floor = all[Math.floor(step.part * (all.length - 1))]?.position ?? ORIGIN
      await compact(store, floor, now, step.limit)
      await expectSame(store, all, now)
      continue
    }
    const before = (await store.read((tx) => tx.feed())).position
    await store.write((tx) => appendStep(tx, step, made, now))
    all.push(...(await store.read((tx) => tx.feedEntries(before, 100))))
  }
  const floor = (await store.read((tx) => tx.feed())).position
  while ((await isDue(store, floor, now)) && 0 < (await compact(store, floor, now, 3)));
  await expectSame(store, all, now)
  await expectOnlyInForce(store, all, now)
}

async function appendStep(
  tx: Writing,
  step: Exclude<Step, { op: 'compact' }>,
  made: { readonly id: string; isBlock: boolean; isLifted: boolean }[],
  now: number,
): Promise<void> {
  if (step.op === 'epoch') return void (await openEpoch(tx))
  if (step.op === 'key') {
    const purpose = step.which < 2 ? 'feed' : 'token'
    return void (await append(tx, 'key', key(`key_${step.which}`, purpose, step.state)))
  }
  if (step.op === 'revoke') {
    const id = `rev_${made.length}`
    const isBlock = step.until === null
    const until = step.until === null ? undefined : now + step.until
    for (let part = 0; part < step.parts; part++) {
      await append(tx, 'revoke', revoke(id, part, isBlock), until)
    }
    made.push({ id, isBlock, isLifted: false })
    return
  }
  const found = made[step.which % Math.max(1, made.length)]
  if (found === undefined || found.isLifted) return
  if (step.op === 'lift') {
    await append(tx, 'lift', { id: found.id })
    found.isLifted = true
    return
  }
  if (!found.isBlock) return
  await append(tx, 'unblock', unblock(found.id), now + step.until)
  found.isBlock = false
}

/** Up to every position from the floor on, what is left gives the digest that everything gives. */
async function expectSame(store: Store, all: readonly FeedEntry[], now: number): Promise<void> {
  const left = await rows(store)
  const floor = await store.read((tx) => tx.feedFloor())
  expect(left.filter((it) => floor <= it.position)).toEqual(
    all.filter((it) => floor <= it.position),
  )
  for (const { position: upTo } of all) {
    if (upTo < floor) continue
    for (const time of [now, now + 7, now + 30]) {
      const micros = time * 1_000_000
      const digests = [left, all].map((entries) => stateOf(entries, upTo).digest(micros))
      expect(digests[0]).toBe(digests[1])
    }
  }
}

function stateOf(entries: readonly FeedEntry[], upTo: Position): LiveState {
  const state = createLiveState()
  for (const { position: place, bytes } of entries) {
    if (upTo < place) break
    const record = readRecord(new TextDecoder().decode(bytes))
    if (typeof record === 'string') throw new Error(record)
    state.apply(record, bytes)
  }
  return state
}

/**
 * Below the floor lies what was in force there, all of it and nothing else, but for the parts of a list
 * that lies across it.
 */
async function expectOnlyInForce(
  store: Store,
  all: readonly FeedEntry[],
  now: number,
): Promise<void> {
  const floor = await store.read((tx) => tx.feedFloor())
  const state = stateOf(all, (floor - 1) as Position)
  state.digest((now - 1) * 1_000_000)
  const inForce = new Set(state.positions())
  const idOf = ({ bytes }: FeedEntry) => JSON.parse(new TextDecoder().decode(bytes)).id as unknown
  const across = all.filter((it) => floor <= it.position && it.op === 'revoke').map(idOf)
  const below = (await rows(store)).filter((it) => it.position < floor)
  for (const it of below) {
    expect(inForce.has(it.position) || across.includes(idOf(it)), `${it.position}`).toBe(true)
  }
  const kept = new Set(below.map((it) => it.position))
  expect([...inForce].filter((place) => !kept.has(place))).toEqual([])
}
