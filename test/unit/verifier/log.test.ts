import { describe, expect, it } from 'vitest'
import { feedOrigin, nextEntry } from '#domain/feed/entry.ts'
import { createLog } from '#verifier/log.ts'
import { soundRules } from '#verifier/rules.ts'
import { Authority } from './authority.ts'

describe('entries that no head speaks for', () => {
  const authority = new Authority()
  for (let i = 0; i < 8; i++) authority.revoke({ clients: [`bot${i}`] })
  const texts = authority.texts(0)
  const bytesOf = (some: readonly string[]): number => some.join('').length

  it.for([
    ['by their count', { countMax: 4, bytesMax: Infinity }],
    ['by their bytes', { countMax: Infinity, bytesMax: bytesOf(texts.slice(0, 4)) }],
  ] as const)('are held in a limited number, %s', ([, limits]) => {
    const log = createLog(soundRules, limits)
    for (const text of texts.slice(0, 4)) expect(log.offer(text)).toHaveProperty('record')
    const { tip } = log
    expect(log.offer(texts[4] ?? '')).toEqual({
      fault: 'more entries came than any head speaks for',
    })
    expect(log.tip).toBe(tip)
    // What was vouched for takes no room.
    log.commit(tip)
    expect(log.offer(texts[4] ?? '')).toHaveProperty('record')
  })

  it('make room again when they are let go of', () => {
    const log = createLog(soundRules, { countMax: 2, bytesMax: bytesOf(texts.slice(0, 2)) })
    for (const round of [1, 2, 3]) {
      expect(log.offer(texts[0] ?? ''), `round ${round}`).toHaveProperty('record')
      expect(log.offer(texts[1] ?? ''), `round ${round}`).toHaveProperty('record')
      log.discard()
    }
  })

  it('are none of ours where they open an epoch over our chain and another place', () => {
    const log = createLog(soundRules)
    const { chain, position } = feedOrigin(0)
    const text = new TextDecoder().decode(
      nextEntry({ chain, position, timeMicros: 0 }, 'lift', { id: 'rev_x' }).bytes,
    )
    log.offer(text)
    const ours = log.chainAt(log.tip)
    const opening = (continues: number): string =>
      `{"position":${2 * 2 ** 32},"op":"epoch","continues":${continues},"chain":"${ours}"}`
    expect(log.offer(opening(log.tip - 1))).toBe('elsewhere')
    expect(log.offer(opening(log.tip))).toHaveProperty('record')
  })
})
