import { describe, expect, it } from 'vitest'
import { isHeadFault, readHead } from '#verifier/head.ts'
import { Authority, ISSUER, jwkOf, quickSignatures, SECOND } from './authority.ts'
import { Rig } from './rig.ts'

/** Verifiers of one process, beside one that has just taken what they are given. */
function beside(other = new Authority()) {
  const authority = new Authority()
  const first = new Rig({}, { authority }).start()
  const second = new Rig({}, { authority: other }).start()
  for (const rig of [first, second]) rig.effects.length = 0
  // Their authorities have one clock.
  other.clockMicros = authority.clockMicros
  return { authority, first, second }
}

describe('what one verifier of a process has taken is judged by each of the others', () => {
  it('a head by whose it should be, and by the key that is trusted under its id', () => {
    const authority = new Authority()
    const { verify: verifySignature } = quickSignatures()
    const ours = { issuer: ISSUER, feedKey: () => authority.feedKey, verifySignature }
    const cases = [
      [ours, 'taken'],
      [{ ...ours, issuer: 'https://other.test' }, 'it is of another authority'],
      [{ ...ours, feedKey: () => jwkOf('key_feed1', 'pinned') }, 'its signature is forged'],
      [{ ...ours, feedKey: () => undefined }, 'its key is not trusted for heads'],
      [
        { ...ours, feedKey: () => ({ ...authority.feedKey, alg: 'RS256' }) },
        'its algorithm is not',
      ],
    ] as const
    for (const [before] of cases) {
      for (const [context, expected] of cases) {
        authority.clockMicros += SECOND
        const text = authority.head()
        readHead(text, before)
        const read = readHead(text, context)
        expect(isHeadFault(read) ? read.detail : 'taken').toMatch(expected)
        if (!isHeadFault(read)) expect(read.claims.time).toBe(authority.state.timeMicros)
      }
    }
  })

  it('an entry and its head by what each has heard before', () => {
    const other = new Authority()
    other.revoke({ subjects: ['somebody'] })
    const { authority, first, second } = beside(other)
    authority.revoke({ subjects: ['ann'] })
    authority.clockMicros += SECOND
    const token = authority.token({ feed_seq: authority.state.position - 1 })
    const [text = ''] = authority.texts(first.core.applied()?.position ?? 0)
    const head = authority.head()
    first.entry(text)
    first.head(head)
    expect(first.taken('applied')).toHaveLength(1)
    // It stands at the same position by another entry, so that neither is of its feed.
    const before = second.core.applied()
    second.entry(text)
    second.head(head)
    expect(second.taken('alarm')[0]?.detail).toMatch('it contradicts another one')
    expect(second.core.applied()).toEqual(before)
    expect(second.verdict(token)).not.toBe('revoked')
  })

  it('and nobody can change what another one holds', () => {
    const { authority, first } = beside()
    authority.clockMicros += SECOND
    first.head(authority.head())
    const head = first.core.applied()
    expect(Object.isFrozen(head)).toBe(true)
    expect(Object.isFrozen(head?.limits)).toBe(true)
  })
})
