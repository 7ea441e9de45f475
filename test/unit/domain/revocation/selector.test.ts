import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Exceptions, Selector } from '#domain/revocation/revocation.ts'
import {
  dimensions,
  isEmpty,
  listSelector,
  type Loose,
  normaliseSelector,
  phrase,
  SPELT_VALUES_MAX,
  readSelector,
  resolvesToList,
  spareSessions,
  windowSeconds,
} from '#domain/revocation/selector.ts'
import { instant } from '#kernel/instant.ts'
import { Problem } from '#kernel/problem.ts'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (thrown) {
    if (thrown instanceof Problem) return thrown.code
    throw thrown
  }
  return 'accepted'
}

// Pieces that a careless form would confuse with its own punctuation.
const anyValue = fc
  .array(
    fc.constantFrom('a', 'b', ' ', ':', '=', '"', '\\', 'client:', 'all', 'é', '\n', '\u202e'),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((pieces) => pieces.join(''))
const anyValues = fc.array(anyValue, { maxLength: 3 })
const anyInstant = fc.integer({ min: 0, max: 4_102_444_800_000 }).map(instant)
const anySelector: fc.Arbitrary<Selector> = fc.record(
  {
    tokens: anyValues,
    clients: anyValues,
    subjects: anyValues,
    sessions: anyValues,
    scopes: anyValues,
    audiences: anyValues,
    keys: anyValues,
    trusts: anyValues,
    tags: fc.dictionary(anyValue, anyValue, { maxKeys: 2, noNullPrototype: true }),
    issuedAfter: anyInstant,
    issuedBefore: anyInstant,
    all: fc.constant(true as const),
  },
  { requiredKeys: [] },
)

describe('normaliseSelector', () => {
  it('sorts, drops repeats and leaves out what is empty', () => {
    expect(
      normaliseSelector({
        clients: ['b', 'a', 'b'],
        subjects: [],
        tags: {},
        issuedAfter: undefined,
      }),
    ).toEqual({ clients: ['a', 'b'] })
  })

  it('gives equal JSON for equal selectors, and changes nothing twice', () => {
    fc.assert(
      fc.property(anySelector, (selector) => {
        const backwards = Object.fromEntries(
          Object.entries(selector)
            .reverse()
            .map(([key, value]) => [
              key,
              Array.isArray(value) ? [...value, ...value].reverse() : value,
            ]),
        ) as Selector
        const once = normaliseSelector(selector)
        expect(JSON.stringify(normaliseSelector(backwards))).toBe(JSON.stringify(once))
        expect(JSON.stringify(normaliseSelector(once))).toBe(JSON.stringify(once))
      }),
    )
  })
})

describe('readSelector', () => {
  const early = instant(1000)
  const late = instant(2000)
  it.for([
    [{}, {}, 'selector-empty'],
    [{ clients: [], tags: {} }, {}, 'selector-empty'],
    [{ issuedAfter: early }, {}, 'selector-empty'],
    [{ issuedBefore: late }, { clients: ['a'] }, 'selector-empty'],
    [{ clients: ['a'] }, {}, 'accepted'],
    [{ scopes: ['*'] }, {}, 'accepted'],
    [{ tags: { team: 'a' } }, {}, 'accepted'],
    [{ clients: ['a'], subjects: ['b'], issuedAfter: early }, { tokens: ['t'] }, 'accepted'],
    [{ all: true }, {}, 'accepted'],
    [{ all: true, issuedBefore: late }, { clients: ['a'] }, 'accepted'],
    [{ all: true, clients: [] }, {}, 'accepted'],
    [{ all: true, clients: ['a'] }, {}, 'request-invalid'],
    [{ all: true, keys: ['k'] }, {}, 'request-invalid'],
    [{ all: true, tags: { team: 'a' } }, {}, 'request-invalid'],
    [{ keys: ['k', 'l'] }, {}, 'accepted'],
    [{ keys: ['k'], clients: ['a'] }, {}, 'request-invalid'],
    [{ keys: ['k'], tags: { team: 'a' } }, {}, 'request-invalid'],
    [{ keys: ['k'], issuedBefore: late }, {}, 'request-invalid'],
    [{ keys: ['k'], issuedAfter: late }, {}, 'request-invalid'],
    [{ keys: ['k'] }, { tokens: ['t'] }, 'request-invalid'],
    [{ keys: ['k'] }, { tokens: [] }, 'accepted'],
    [{ clients: ['a'], issuedAfter: early, issuedBefore: late }, {}, 'accepted'],
    [{ clients: ['a'], issuedAfter: late, issuedBefore: late }, {}, 'request-invalid'],
    [{ clients: ['a'], issuedAfter: late, issuedBefore: early }, {}, 'request-invalid'],
  ] as readonly [Loose<Selector>, Exceptions, string][])(
    '%j sparing %j: %s',
    ([asked, spared, code]) => {
      expect(codeOf(() => readSelector(asked, spared))).toBe(code)
    },
  )

  it('says that all must be said aloud', () => {
    expect(() => readSelector({ issuedAfter: early })).toThrow(
      expect.objectContaining({ next: expect.stringContaining('--all') }),
    )
  })
})

describe('phrase', () => {
  it.for([
    [{ clients: ['deploy-bot'] }, 'client:deploy-bot'],
    [{ all: true }, 'all'],
    [{ clients: ['b', 'a', 'b'] }, 'client:a client:b'],
    [
      {
        trusts: ['ci'],
        audiences: ['https://a'],
        tags: { team: 'a', env: 'prod' },
        scopes: ['deploy:*'],
        sessions: ['s'],
        subjects: ['ann'],
        clients: ['c'],
        tokens: ['t'],
        issuedAfter: instant(0),
        issuedBefore: instant(1_795_460_880_000),
      },
      'token:t client:c subject:ann session:s scope:deploy:* audience:https://a trust:ci tag:env=prod tag:team=a issued-before:2026-11-23T19:08:00.000Z issued-after:1970-01-01T00:00:00.000Z',
    ],
    [{ keys: ['key_1'] }, 'key:key_1'],
    [{ all: true, issuedBefore: instant(0) }, 'issued-before:1970-01-01T00:00:00.000Z all'],
    [{ subjects: ['a client:b'] }, 'subject:"a client:b"'],
    [{ subjects: ['"'] }, 'subject:"\\""'],
    [{ subjects: ['é'] }, 'subject:"\\u00e9"'],
    [{ tags: { 'a=b': 'c=d' } }, 'tag:"a=b"=c=d'],
  ] as readonly [Selector, string][])('of %j is %s', ([selector, expected]) => {
    expect(phrase(selector)).toBe(expected)
  })

  it('can be read back, so no two selectors share one; and it can be typed', () => {
    fc.assert(
      fc.property(anySelector, (selector) => {
        const text = phrase(selector)
        expect(text).toMatch(/^[ -~]*$/)
        expect(parse(text)).toEqual(normaliseSelector(selector))
      }),
      { numRuns: 2000 },
    )
  })

  it('does not depend on the order or repetition of values', () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyValue, { minLength: 1 }), (clients) => {
        const shuffled = [...clients].reverse()
        expect(phrase({ clients: [...shuffled, ...clients] })).toBe(phrase({ clients }))
      }),
    )
  })
})

describe('the phrase of a long list', () => {
  const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `cred_${i}`)

  it('spells what can be typed, and says the rest by number and hash', () => {
    expect(phrase({ tokens: ids(SPELT_VALUES_MAX) }).split(' ')).toHaveLength(SPELT_VALUES_MAX)
    const long = phrase({ tokens: ids(SPELT_VALUES_MAX + 1), clients: ['b', 'a'] })
    expect(long).toMatch(/^token:33#[0-9a-f]{16} client:a client:b$/)
    expect(phrase({ tokens: ids(10_000) })).toMatch(/^token:10000#[0-9a-f]{16}$/)
  })

  it('is one for one list, in whatever order, and another for another', () => {
    const tokens = ids(100)
    expect(phrase({ tokens: tokens.toReversed() })).toBe(phrase({ tokens }))
    expect(phrase({ tokens: [...tokens.slice(1), 'cred_x'] })).not.toBe(phrase({ tokens }))
    const summary = phrase({ tokens }).slice('token:'.length)
    expect(phrase({ tokens: [summary] })).toBe(`token:"${summary}"`)
  })
})

/** Reads a phrase with nothing but its documentation at hand. */
function parse(text: string): Selector {
  const found: Record<string, unknown> = {}
  const tags: Record<string, string> = {}
  const value = /("(?:[^"\\]|\\.)*")|([^ ]+)/y
  const key = /("(?:[^"\\]|\\.)*")|([^ =]+)/y
  let at = 0
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const [all, quoted, plain] = pattern.exec(text) as unknown as [string, string?, string?]
    at += all.length
    return quoted === undefined ? (plain as string) : (JSON.parse(quoted) as string)
  }
  const listOf = new Map<string, string>(dimensions.map(([field, name]) => [name, field]))
  while (at < text.length) {
    const name = take(/(\0)?([a-z-]+)/y)
    at++
    if (name === 'all') found['all'] = true
    else if (name === 'tag') {
      const tag = take(key)
      at++
      tags[tag] = take(value)
    } else if (name === 'issued-before') found['issuedBefore'] = Date.parse(take(value))
    else if (name === 'issued-after') found['issuedAfter'] = Date.parse(take(value))
    else {
      const field = listOf.get(name) as string
      found[field] = [...((found[field] as string[] | undefined) ?? []), take(value)]
    }
    if (name !== 'all') at++
  }
  return (0 < Object.keys(tags).length ? { ...found, tags } : found) as Selector
}

describe('lists, windows and spared sessions', () => {
  it.for([
    [{ tokens: ['t'] }, true],
    [{ tags: { team: 'a' } }, true],
    [{ clients: ['a'], tags: { team: 'a' } }, true],
    [{ clients: ['a'], tokens: ['t'] }, true],
    [{ clients: ['a'] }, false],
    [{ sessions: ['s'] }, false],
    [{ all: true }, false],
    [{ keys: ['k'] }, false],
  ] as readonly [Selector, boolean][])('%j is an exact list: %s', ([selector, expected]) => {
    expect(resolvesToList(selector)).toBe(expected)
  })

  it('makes a sorted list, and never an empty one, which would be no limit', () => {
    expect(listSelector(['b', 'a', 'b'])).toEqual({ tokens: ['a', 'b'] })
    expect(codeOf(() => listSelector([]))).toBe('nothing-matched')
  })

  it('rounds windows outwards', () => {
    expect(windowSeconds({ issuedAfter: instant(1999), issuedBefore: instant(2001) })).toEqual({
      fromSeconds: 1,
      beforeSeconds: 3,
    })
    expect(windowSeconds({ issuedAfter: instant(2000), issuedBefore: instant(3000) })).toEqual({
      fromSeconds: 2,
      beforeSeconds: 3,
    })
    expect(windowSeconds({})).toEqual({ fromSeconds: -Infinity, beforeSeconds: Infinity })
  })

  it('spares the sessions of spared tokens', () => {
    expect(spareSessions({ tokens: ['t'], sessions: ['b'] }, ['a', 'b'])).toEqual({
      tokens: ['t'],
      sessions: ['a', 'b'],
    })
  })

  it('is empty without a name', () => {
    expect(isEmpty({ issuedAfter: instant(0) })).toBe(true)
    expect(isEmpty({ trusts: ['ci'] })).toBe(false)
  })
})
