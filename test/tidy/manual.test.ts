import { describe, expect, it } from 'vitest'
import { differences } from '#boot/manual.ts'
import { commandTable } from '#cli/commands/index.ts'

describe('the manual', () => {
  it('is what the command objects say; else run `npm run generate`', async () => {
    expect([...(await differences()).keys()]).toEqual([])
  })
})

describe('the table of commands', () => {
  it('has every command once, and says of each what it says itself', async () => {
    const paths = commandTable.rows.map(({ path }) => path.join(' '))
    expect(new Set(paths).size).toBe(paths.length)
    for (const row of commandTable.rows) {
      const { path, summary } = await row.load()
      expect({ path, summary }).toEqual({ path: row.path, summary: row.summary })
    }
  })

  it('has a line for every noun, and for nothing else', () => {
    const nouns = commandTable.rows.flatMap(({ path }) =>
      path.slice(0, -1).map((_, depth) => path.slice(0, depth + 1).join(' ')),
    )
    expect(Object.keys(commandTable.nouns).toSorted()).toEqual([...new Set(nouns)].toSorted())
  })

  it('has summaries of one line without a full stop', () => {
    const summaries = [
      ...commandTable.rows.map(({ summary }) => summary),
      ...Object.values(commandTable.nouns),
    ]
    expect(summaries.filter((summary) => !/^[A-Z][^\n]{1,78}[^.\n]$/.test(summary))).toEqual([])
  })
})

describe('every command', () => {
  it('has examples that name it, and flags that collide with none of ours', async () => {
    const { globalFlags, pageFlags } = await import('#cli/settings.ts')
    const shorts = Object.values(globalFlags).flatMap((flag) =>
      'short' in flag ? [flag.short] : [],
    )
    for (const row of commandTable.rows) {
      const command = await row.load()
      const name = `credctl ${command.path.join(' ')}`
      expect(command.examples.length, name).toBeGreaterThan(0)
      expect(
        command.examples.every(({ run }) => run.includes(name)),
        name,
      ).toBe(true)
      for (const [key, flag] of Object.entries(command.flags)) {
        expect(
          Object.keys({ ...globalFlags, ...(command.isPaged === true ? pageFlags : {}) }),
          name,
        ).not.toContain(key)
        expect(shorts, name).not.toContain(flag.short)
        expect(flag.about, `${name} --${key}`).toMatch(/^[^\n]+[^.\n]$/)
      }
    }
  })
})
