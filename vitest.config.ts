import { defineConfig } from 'vitest/config'

/**
 * Time is commanded in our tests and never waited for, so a slow one is a broken one and a retry only
 * hides it. The limits differ by what a project is made of: values, databases, processes, worlds.
 */
const project = (name: string, testTimeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    retry: 0,
    restoreMocks: true,
    unstubEnvs: true,
    env: { TZ: 'UTC' },
  },
})

export default defineConfig({
  test: {
    // Vitest leaves one core to itself, which on two cores is half of them.
    maxWorkers: '100%',
    projects: [
      project('unit', 60_000),
      project('contract', 30_000),
      project('acceptance', 180_000),
      project('sim', 300_000),
      project('tidy', 60_000),
    ],
  },
})
