import { expect, it } from 'vitest'
import { sameBytes } from '#domain/feed/same-bytes.ts'

it.for([
  [[], [], true],
  [[1, 2], [1, 2], true],
  [[1, 2], [1, 3], false],
  [[0, 2], [1, 2], false],
  [[1, 2], [1, 2, 0], false],
  [[1, 2, 0], [1, 2], false],
  [[], [0], false],
] as const)('%j and %j are the same bytes: %s', ([a, b, expected]) => {
  expect(sameBytes(new Uint8Array(a), new Uint8Array(b))).toBe(expected)
})
