import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, it } from 'vitest'
import { play, readStory } from './story.ts'

const files = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txtar'))

describe('stories', () => {
  it.for(files.map((name) => [basename(name, '.txtar'), name] as const))('%s', async ([, name]) => {
    await play(readStory(join(import.meta.dirname, name)))
  })
})
