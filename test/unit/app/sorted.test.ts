import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { merge } from '#app/sorted.ts'

const never = async (): Promise<void> => undefined
const inOrder = (list: readonly string[]): string[] => [...new Set(list)].sort()

describe('lists that are merged', () => {
  it('are one, in order and without repeats', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', 'b', 'c')))),
        async (lists) => {
          const merged = await merge(lists.map(inOrder), never)
          expect(merged).toEqual(inOrder(lists.flat()))
        },
      ),
    ))

  it('let everybody else have a turn, and lose nothing at it', async () => {
    const numbers = Array.from({ length: 130_000 }, (_, i) => String(i))
    let turns = 0
    const pause = async (): Promise<void> => void (turns += 1)
    const [even, odd] = [0, 1].map((rest) => inOrder(numbers.filter((_, i) => i % 2 === rest)))
    expect(await merge([even ?? [], odd ?? []], pause)).toEqual(inOrder(numbers))
    expect(turns).toBeGreaterThanOrEqual(6)
  })
})
