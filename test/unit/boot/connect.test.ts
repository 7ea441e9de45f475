import { expect, it } from 'vitest'
import { connectTo } from '#boot/connect.ts'

it.each([
  ['http://auth.example.com', 1],
  ['http://127.example.com', 1],
  ['http://localhost.example.com', 1],
  ['http://127.0.0.1:7420', 0],
  ['http://[::1]:7420', 0],
  ['http://localhost', 0],
  ['https://auth.example.com', 0],
])('a token for %s is warned of %i times', async (server, times) => {
  const warnings: string[] = []
  await connectTo(
    { kind: 'remote', server },
    { CREDCTL_TOKEN: 'x' },
    { onDispose: () => undefined, warn: (line) => warnings.push(line) },
  )
  expect(warnings).toHaveLength(times)
})
